"""The marker before work that may kill the process: which large messages are being read."""

import asyncpg

from stratoscope.store.sql import queries

_SQL = queries("attempts")


class Attempts:
    """The attempts at large messages, of all projectors of a log."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def begin(self, stream_seq: int) -> int:
        """Mark a message as begun; how many attempts, this one included, did not come to an end."""
        count: int = await self._pool.fetchval(_SQL["begin"], stream_seq)
        return count

    async def give_up(self, stream_seq: int) -> None:
        """The attempt ended for a reason that is none of the message's."""
        await self._pool.execute(_SQL["give_up"], stream_seq)

    async def finish(self, stream_seq: int) -> None:
        """The message was taken."""
        await self._pool.execute(_SQL["finish"], stream_seq)
