"""Deleting what is over: breakpoints of ended sessions, expired sessions, old audits, lost imports.

Each sweep is a transaction of its own over a few rows, under a lock that one navigator has at a
time; it returns how many rows it dealt with, 0 where another one sweeps.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg

from stratoscope.store.breakpoints import Breakpoints
from stratoscope.store.sql import queries

_SQL = queries("sweeps")
AT_A_TIME: Final = 200


class Sweeps:
    """The sweeps, by way of one database session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def end_breakpoints(self, ended_before: datetime, reason: str) -> int:
        """Disable breakpoints whose session outlived its time before a moment."""
        # Asked every second: most often a probe of the index is all there is to do.
        if not await self._fetchval("has_ended_breakpoints", ended_before):
            return 0
        async with self._turn() as is_ours:
            if not is_ours or not await self._fetchval("has_ended_breakpoints", ended_before):
                return 0
            async with Breakpoints(self._session).changing() as revision:
                return await self._execute(
                    "end_breakpoints", revision, ended_before, reason, AT_A_TIME
                )

    async def remove_sessions(self, ended_before: datetime, now: datetime) -> int:
        """Remove sessions that outlived their time before a moment, with all that is theirs."""
        async with self._turn() as is_ours:
            if not is_ours:
                return 0
            # Sessions are locked before breakpoints, as by whatever ends one.
            rows = await self._session.fetch(_SQL["expired_sessions"], ended_before, AT_A_TIME)
            ids = [row["id"] for row in rows]
            if ids:
                async with Breakpoints(self._session).changing() as revision:
                    await self._execute("remove_breakpoints", revision, now, ids)
                await self._execute("remove_sessions", ids)
            return len(ids)

    async def remove_audit(self, done_before: datetime) -> int:
        """Remove entries of the audit from before a moment, but none of the last day."""
        async with self._turn() as is_ours:
            if not is_ours:
                return 0
            count: int = await self._session.fetchval(_SQL["remove_audit"], done_before, AT_A_TIME)
            return count

    async def remove_imports(self, started_before: datetime) -> int:
        """Give back the names of imports from before a moment that recorded nothing."""
        async with self._turn() as is_ours:
            return await self._execute("remove_imports", started_before) if is_ours else 0

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        async with self._session.transaction():
            yield await self._fetchval("try_lock")

    async def _fetchval(self, name: str, *arguments: object) -> bool:
        return bool(await self._session.fetchval(_SQL[name], *arguments))

    async def _execute(self, name: str, *arguments: object) -> int:
        done: str = await self._session.execute(_SQL[name], *arguments)
        return int(done.rpartition(" ")[2])
