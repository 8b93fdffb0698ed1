"""A session that is looked at, or held still until it was changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from stratoscope.domain import sessions as rules
from stratoscope.navigator.reading import Reading
from stratoscope.store.sessions import SessionRow
from stratoscope_contracts.errors import SessionNotFound
from stratoscope_contracts.sessions import SessionConfig, SessionRequest


@asynccontextmanager
async def locked(reading: Reading, request: SessionRequest) -> AsyncIterator[SessionRow]:
    """The session as it is now, changed by nobody else until the end of the block."""
    async with reading.session.transaction():
        row = await reading.sessions.lock(reading.space, request.id)
        yield _checked(row, request, reading.now)


async def found(reading: Reading, request: SessionRequest) -> SessionRow:
    row = await reading.sessions.find(reading.space, request.id)
    return _checked(row, request, reading.now)


def config_of(row: SessionRow) -> SessionConfig:
    return SessionConfig.model_validate_json(row.config)


def _checked(row: SessionRow | None, request: SessionRequest, now: datetime) -> SessionRow:
    if row is None:
        raise SessionNotFound("there is no session with this id")
    longest = config_of(row).max_session_duration
    state = rules.state_at(row.state, row.created_at, longest, now)
    rules.check_version(state, row.version, request.if_version)
    return replace(row, state=state)
