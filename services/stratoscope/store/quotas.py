"""How much a space has of what a quota counts."""

from collections.abc import Collection
from datetime import datetime

import asyncpg

from stratoscope.domain.records import Timeline
from stratoscope.store.sql import queries

_SQL = queries("quotas")


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


async def breakpoints_in(session: asyncpg.Connection, space: str, now: datetime) -> int:
    """How many breakpoints a space has, without those of sessions that have ended by now."""
    count: int = await session.fetchval(_SQL["breakpoints"], space, now)
    return count
