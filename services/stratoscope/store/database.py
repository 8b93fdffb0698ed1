"""Connections: each sees one projection and the operations schema by its search path."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from stratoscope.store.connector import (
    CONNECT_SECONDS,
    BoundedConnection,
    connect,
    timeout_settings,
)

OPERATIONS = "strato"
log = logging.getLogger(__name__)
_PLAN_SECONDS = 1


class DatabaseUnreachable(Exception):
    """Postgres did not answer, or refused; the message says which server and what to look at."""


# Whatever a question to Postgres may end in that has nothing to do with who asks. An
# InternalClientError is what asyncpg says where the server died between two steps of one.
DATABASE_ERRORS: Final = (
    DatabaseUnreachable,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
# What opening a session may end in.
_UNOPENED: Final = (
    *(OSError, ValueError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.TargetServerAttributeNotMatched),
)


def settings(schema: str, application: str) -> dict[str, str]:
    """What every session of ours sets."""
    return {
        "search_path": f"{schema}, {OPERATIONS}",
        "application_name": application,
        "timezone": "UTC",
        # Our queries are short: compiling one costs more than running it.
        "jit": "off",
        # A plan kept from when a table was small is kept until the table is analysed: looking up
        # causes then took a second a batch where it takes two milliseconds.
        "plan_cache_mode": "force_custom_plan",
        # Before a table's first analysis a page of a list would be sorted out of a bitmap of the
        # whole timeline, although the index has it in order.
        "enable_bitmapscan": "off",
    }


# The same few questions by key all the time: planning them takes longer than asking them, and a
# plan made while a table was empty must not be one to read it all.
_BY_KEY = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


@asynccontextmanager
async def connection(
    dsn: str,
    schema: str,
    application: str,
    *,
    by_key: bool = False,
    waits_for_disk: bool = True,
    deadline: float | None = None,
) -> AsyncIterator[asyncpg.Connection]:
    """One session of its own, `by_key` for who only follows keys. Raises DatabaseUnreachable.

    One that does not wait for the disk may lose its last transactions when the server crashes.
    A statement ends in TimeoutError after `deadline` seconds, and the session with it where the
    server is silent.
    """
    wanted = settings(schema, application) | (_BY_KEY if by_key else {})
    wanted |= timeout_settings(deadline, by_key=by_key)
    if not waits_for_disk:
        wanted["synchronous_commit"] = "off"
    try:
        session = await connect(dsn, server_settings=wanted, command_timeout=deadline)
    except _UNOPENED as error:
        raise unreachable(error) from error
    try:
        yield session
    finally:
        await close(session)


async def close(session: asyncpg.Connection) -> None:
    """End a session, whatever state it is in."""
    try:
        await session.close(timeout=2)
    except DATABASE_ERRORS:
        session.terminate()


@asynccontextmanager
async def pool(
    dsn: str,
    schema: str,
    application: str,
    *,
    size: int,
    looking: bool = False,
    by_key: bool = False,
    on_connect: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
    deadline: float | None = None,
) -> AsyncIterator[asyncpg.Pool]:
    """Up to `size` sessions; `looking` for who does little else, `by_key` for who follows keys.

    `on_connect` is done to each new session before anybody has it. A statement ends in TimeoutError
    after `deadline` seconds. Where the server was silent, all sessions are renewed before they are
    used again. Raises DatabaseUnreachable.
    """
    # It fills itself up again once a second, with a stack trace each time that it can't; those who
    # ask it for a session say in a line what has happened.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    kind = _looking if looking else _following if by_key else _changing
    options = kind(schema, application)
    options["server_settings"] |= timeout_settings(deadline, by_key=by_key)
    expiry = _Expiry()

    async def begin(session: BoundedConnection) -> None:
        session.on_silence = expiry.expire
        if on_connect is not None:
            await on_connect(session)

    try:
        sessions = expiry.sessions = await asyncpg.create_pool(
            dsn,
            min_size=min(2, size),
            max_size=size,
            init=begin,
            connect=connect,
            connection_class=BoundedConnection,
            timeout=CONNECT_SECONDS,
            command_timeout=deadline,
            **options,
        )
    except _UNOPENED as error:
        raise unreachable(error) from error
    try:
        yield sessions
    finally:
        sessions.terminate()


def log_lost_sessions() -> None:
    """Have the running loop log a session that is lost while a pool takes it back as one line.

    The task that waits for the pool may be cancelled by then, so that no task reads the error.
    """
    loop = asyncio.get_running_loop()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, DATABASE_ERRORS):
            log.warning("lost a database session: %s: %s", type(error).__name__, error)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)


class _Expiry:
    """Renews a pool's sessions: one that was silent says that the others are."""

    def __init__(self) -> None:
        self.sessions: asyncpg.Pool | None = None
        self._task: asyncio.Task[None] | None = None

    def expire(self) -> None:
        """Have every session closed before it is used again."""
        if self.sessions is not None and not self.sessions.is_closing():
            self._task = asyncio.create_task(self.sessions.expire_connections(), name="expiry")


def _changing(schema: str, application: str) -> dict[str, Any]:
    return {"server_settings": settings(schema, application)}


def _looking(schema: str, application: str) -> dict[str, Any]:
    """Options of sessions that ask the same few questions all the time."""
    return {
        # Planning a look takes three times as long as the look. A plan is kept for so short that
        # no table outgrows it.
        "server_settings": settings(schema, application)
        | {"plan_cache_mode": "force_generic_plan"},
        "max_cached_statement_lifetime": _PLAN_SECONDS,
        # Nothing is set or held in such a session, so giving it back needs no round trip. An open
        # transaction is rolled back all the same.
        "reset": _as_it_is,
    }


def _following(schema: str, application: str) -> dict[str, Any]:
    return {
        "server_settings": settings(schema, application) | _BY_KEY,
        "reset": _as_it_is,
        # What was prepared is there after any pause.
        "max_inactive_connection_lifetime": 0,
    }


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Leave a session as it was used."""


def unreachable(error: BaseException) -> DatabaseUnreachable:
    """Say that Postgres can't be used, without the DSN's password."""
    # Of a DSN that can't be read the library quotes a part, which may be of the password.
    reason = "not an address" if isinstance(error, ValueError) else error or type(error).__name__
    return DatabaseUnreachable(
        f"Postgres can't be used ({reason}): check STRATO_POSTGRES_DSN and that the server runs"
    )
