"""How far the projection is, partition by partition."""

import asyncpg

from stratoscope.store.sql import queries

_SQL = queries("looking")


class Watermarks:
    """The vector of checkpoints, by way of a pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self) -> dict[int, int]:
        """Up to which message of the stream each partition is in the tables."""
        rows = await self._pool.fetch(_SQL["watermarks"])
        return {row["partition"]: row["stream_seq"] for row in rows}
