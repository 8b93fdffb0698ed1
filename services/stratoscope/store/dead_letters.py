"""Removing dead letters by age: their bodies first, their verdicts once the log has lost them."""

from datetime import datetime
from typing import Final

import asyncpg

from stratoscope.store.sql import queries

_SQL = queries("dead_letters")
AT_A_TIME: Final = 200


class DeadLetters:
    """The dead letters of all spaces, by way of one database session.

    The functions have the rights that the projector's role lacks, and touch none of the last day.
    """

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def empty(self, recorded_before: datetime) -> int:
        """Remove headers and bodies of published letters from before a moment; how many."""
        return await self._execute("empty", recorded_before)

    async def remove(self, first_seq: int) -> int:
        """Remove emptied letters of messages before the log's first; how many."""
        return await self._execute("remove", first_seq)

    async def _execute(self, name: str, argument: object) -> int:
        count: int = await self._session.fetchval(_SQL[name], argument, AT_A_TIME)
        return count
