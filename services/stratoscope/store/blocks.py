"""Depths by block: a depth has no index of its own, so whole stretches without it are passed over.

A row sums up the depths of 1,024 events once the last of them is written: lowest, highest, and a
bit for each remainder by 64. Depths that are resolved later widen it, so it always covers what its
events say. It costs a row where an index would cost a thousand entries.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from stratoscope.store.sql import queries
from stratoscope_contracts.looking import Direction

_SQL = queries("blocks")
EVENTS: Final = 1024
_LAST: Final = EVENTS - 1


def closed_by(events: Sequence[tuple[Any, ...]]) -> list[tuple[int, int]]:
    """The blocks, by agent, whose last event is among these rows of intake."""
    return [(row[5], row[0] // EVENTS) for row in events if row[0] & _LAST == _LAST]


class Blocks:
    """The blocks, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def close(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Sum up blocks of agents, in the transaction that wrote their last events."""
        if blocks:
            agents, numbers = zip(*blocks, strict=True)
            await self._session.execute(_SQL["close"], agents, numbers)

    async def candidates(
        self, agent_id: int, stretch: tuple[int, int], depth: int, direction: Direction, limit: int
    ) -> list[int]:
        """Blocks of a stretch, both ends included, that may hold a depth; at most `limit`."""
        query = _SQL[f"candidates_{direction}"]
        rows = await self._session.fetch(query, agent_id, *stretch, depth, limit)
        return [row["number"] for row in rows]
