"""A session that is looked at, or held still until it was changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from stratoscope.domain import sessions as rules
from stratoscope.navigator.reading import Reading
from stratoscope.store.sessions import SessionRow
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.errors import AgentNotFound, SessionNotFound
from stratoscope_contracts.sessions import SessionConfig, SessionRequest


async def found(reading: Reading, request: SessionRequest) -> SessionRow:
    """The session as it is now. Raises SessionNotFound, ConcurrentAccess for a stale version."""
    row = await reading.sessions.find(reading.space, request.id)
    return _checked(row, request, reading.now)


@asynccontextmanager
async def locked(reading: Reading, request: SessionRequest) -> AsyncIterator[SessionRow]:
    """The session as it is now, changed by nobody else until the end of the block."""
    async with reading.session.transaction():
        row = await reading.sessions.lock(reading.space, request.id)
        yield _checked(row, request, reading.now)


def as_of(row: SessionRow, now: datetime) -> SessionRow:
    """A stored session in the state that it is in by now."""
    state, reason = rules.state_at(row.state, row.ends_at, now)
    return row if reason is None else replace(row, state=state, reason=reason, ended_at=row.ends_at)


def changed(row: SessionRow, now: datetime) -> SessionRow:
    """What a locked session is once something of it has been changed."""
    return replace(row, version=row.version + 1, updated_at=now)


def config_of(row: SessionRow) -> SessionConfig:
    """What a session was made with."""
    return SessionConfig.model_validate_json(row.config)


def timeline_of(row: SessionRow) -> Timeline:
    """The timeline of a session's agent. Raises AgentNotFound."""
    if row.timeline is None:
        raise AgentNotFound("nothing was recorded of this session's agent yet")
    return row.timeline


def _checked(row: SessionRow | None, request: SessionRequest, now: datetime) -> SessionRow:
    if row is None:
        raise SessionNotFound("there is no session with this id")
    row = as_of(row, now)
    rules.check_version(row.state, row.version, request.if_version, row.reason)
    return row
