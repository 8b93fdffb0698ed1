"""The sessions that requests share, on whichever projection serves.

A rebuild swaps another projection in while requests run. Each request keeps the session that it
has, and so sees one projection from its first query to its last; whoever asks for a session after
the switch gets one of the new projection. The old sessions are closed once nobody uses them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import asyncpg
import structlog

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator.upkeep import repeat
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.database import pool
from stratoscope.store.projections import serving_schema

_APPLICATION: Final = "stratoscope navigator"
_LOOK_EVERY: Final = 0.5
# News may come with every commit of a projector that has not heard of the swap yet.
_LOOK_AT_MOST_EVERY: Final = 0.05
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sessions:
    """The sessions of one projection, and how many requests use them."""

    schema: str
    pool: asyncpg.Pool
    closing: AsyncExitStack
    users: int = 0
    unused: asyncio.Event = field(default_factory=asyncio.Event)


class Uptime:
    """Notices by a new session that the server was started anew, or is another one."""

    def __init__(self) -> None:
        self.on_restart: Callable[[], None] = lambda: None
        self._since: datetime | None = None

    async def look(self, session: asyncpg.Connection) -> None:
        """See since when the server that a session is of is up."""
        since = await session.fetchval("select pg_postmaster_start_time()")
        if self._since not in (None, since):
            self.on_restart()
        self._since = since


class Serving:
    """Stands where a pool would, and follows the projection that serves."""

    def __init__(
        self, open_sessions: Callable[[str], Awaitable[_Sessions]], first: _Sessions, uptime: Uptime
    ) -> None:
        self._open = open_sessions
        self._current = first
        self.uptime = uptime
        self._old: dict[asyncio.Task[None], _Sessions] = {}
        self._news = asyncio.Event()

    @property
    def schema(self) -> str:
        """Which projection the next session sees."""
        return self._current.schema

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.Connection]:
        """A session, of one projection as long as it is held."""
        sessions = self._current
        # Counted before it is waited for: the pool must not be closed under those who wait.
        sessions.users += 1
        try:
            async with sessions.pool.acquire() as session:
                yield session
        finally:
            sessions.users -= 1
            if not sessions.users:
                sessions.unused.set()

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows, by a session of their own."""
        async with self.acquire() as session:
            rows: list[asyncpg.Record] = await session.fetch(query, *arguments)
            return rows

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """One value, by a session of its own."""
        async with self.acquire() as session:
            return await session.fetchval(query, *arguments)

    def look(self) -> None:
        """Something was heard of another projection: see whether it serves."""
        self._news.set()

    async def follow(self, waiting: Waiting) -> None:
        """Switch whenever another projection serves, until cancelled."""

        async def turn() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._news.wait()
            self._news.clear()
            await self._look(waiting)

        await repeat(turn, _LOOK_AT_MOST_EVERY, "can't see which projection serves")

    async def close(self) -> None:
        """Close all sessions, used or not."""
        every = (*self._old.values(), self._current)
        await end_tasks(self._old)
        for sessions in every:
            await sessions.closing.aclose()

    async def _look(self, waiting: Waiting) -> None:
        schema = await serving_schema(self)
        if schema == self.schema:
            return
        opened = await self._open(schema)
        old, self._current = self._current, opened
        # What was known of the old one's checkpoints says nothing about this one's.
        waiting.forget()
        log.info("another projection serves", schema=schema, before=old.schema)
        task = asyncio.create_task(_close_unused(old), name=f"close {old.schema}")
        self._old[task] = old
        task.add_done_callback(self._old.pop)


@asynccontextmanager
async def serving(
    dsn: str, schema: str, *, size: int, deadline: float | None = None
) -> AsyncIterator[Serving]:
    """Up to `size` sessions, at first of the projection named, with `deadline` s for a statement.

    Raises DatabaseUnreachable.
    """
    uptime = Uptime()

    async def opened(schema: str) -> _Sessions:
        stack = AsyncExitStack()
        sessions = await stack.enter_async_context(
            pool(
                *(dsn, schema, _APPLICATION),
                size=size,
                looking=True,
                on_connect=uptime.look,
                deadline=deadline,
            )
        )
        return _Sessions(schema, sessions, stack)

    found = Serving(opened, await opened(schema), uptime)
    try:
        yield found
    finally:
        await found.close()


@asynccontextmanager
async def following(sessions: Serving, waiting: Waiting) -> AsyncIterator[None]:
    """Have sessions follow the projection that serves."""
    # A crash may have taken the end of the projection: it is there again in a moment.
    sessions.uptime.on_restart = waiting.forget
    task = asyncio.create_task(sessions.follow(waiting), name="serving")
    try:
        yield
    finally:
        await end_tasks([task])


async def _close_unused(sessions: _Sessions) -> None:
    if sessions.users:
        sessions.unused.clear()
        await sessions.unused.wait()
    await sessions.closing.aclose()
