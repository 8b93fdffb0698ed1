"""How much a space has of what a quota counts."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from stratoscope.domain.records import Timeline
from stratoscope.store.sql import queries

_SQL = queries("quotas")
# A navigator holds each breakpoint in memory, however short its texts are.
_BYTES_EACH: Final = 256


@dataclass(frozen=True, slots=True)
class SpaceQuota:
    """What operators of a space may keep; None has no limit.

    `breakpoint_bytes` are those of their texts and 256 for each, `session_bytes` those of
    the values and notes that the sessions of a space keep.
    """

    breakpoints: int | None = None
    breakpoint_bytes: int | None = None
    sessions: int | None = None
    session_bytes: int | None = None


class SpaceCounts:
    """What intake asks of the projection."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def there(self, timelines: Collection[Timeline]) -> set[Timeline]:
        """Those of some agents that are known already."""
        spaces, names = [key[0] for key in timelines], [key[1] for key in timelines]
        rows = await self._pool.fetch(_SQL["there"], spaces, names)
        return {(row["space"], row["name"]) for row in rows}

    async def agents(self, spaces: Collection[str]) -> dict[str, int]:
        """How many agents spaces have; one that has none is left out."""
        rows = await self._pool.fetch(_SQL["agents"], list(spaces))
        return {row["space"]: row["count"] for row in rows}

    async def full(self, most_bytes: int) -> frozenset[str]:
        """Spaces whose states take so many bytes, or more."""
        rows = await self._pool.fetch(_SQL["full"], most_bytes)
        return frozenset(row["space"] for row in rows)


def bytes_of_breakpoint(condition: str, metadata: str, message: str | None) -> int:
    """How much a breakpoint adds to the bytes of its space's breakpoints."""
    return _BYTES_EACH + sum(len(text.encode()) for text in (condition, metadata, message or ""))


async def breakpoint_bytes_in(session: asyncpg.Connection, space: str, now: datetime) -> int:
    """How many bytes a space's breakpoints have, without those of sessions that have ended."""
    found: int = await session.fetchval(_SQL["breakpoint_bytes"], space, now, _BYTES_EACH)
    return found


async def breakpoints_in(session: asyncpg.Connection, space: str, now: datetime) -> int:
    """How many breakpoints a space has, without those of sessions that have ended by now."""
    count: int = await session.fetchval(_SQL["breakpoints"], space, now)
    return count


async def sessions_in(session: asyncpg.Connection, space: str) -> int:
    """How many sessions a space has, in whatever state."""
    count: int = await session.fetchval(_SQL["sessions"], space)
    return count


async def session_bytes_in(session: asyncpg.Connection, space: str) -> int:
    """Bytes of the values and notes that the sessions of a space keep."""
    count: int = await session.fetchval(_SQL["kept_bytes"], space)
    return count
