"""Dropping hits that were published long ago, by way of one database session.

A hit is new if it is not in the table. So one may go only if it can't be found again: where its
breakpoint has seen the partition up to there, or is armed for what comes behind it, or watches no
more. Whoever enables a breakpoint arms it from the end that the log had some seconds ago at most;
hits that are kept for an hour are far behind that.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

from stratoscope.store.sql import queries

_SQL = queries("pruning")
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many hits were dropped, and up to which moment of publication; None where none was."""

    count: int
    upto: datetime | None


async def prune(
    session: asyncpg.Connection, partition: int, since: datetime, before: datetime, limit: int
) -> Pruned:
    """Drop up to `limit` hits of a partition that were published in a stretch of time."""
    row = await session.fetchrow(_SQL["prune"], partition, since, before, limit)
    return Pruned(row["count"], row["upto"])
