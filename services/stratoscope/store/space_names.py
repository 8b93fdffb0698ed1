"""The names of spaces of which something was recorded."""

import asyncpg

from stratoscope.store.sql import queries

_SQL = queries("looking")


class SpaceNames:
    """At most `most` names, by way of a pool."""

    def __init__(self, pool: asyncpg.Pool, most: int) -> None:
        self._pool = pool
        self._most = most

    async def read(self) -> list[str]:
        """Read the names. Raises what the pool raises."""
        return [row["space"] for row in await self._pool.fetch(_SQL["spaces"], self._most)]
