"""The session that a breakpoint belongs to, which is open as long as anything is armed for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from stratoscope.domain.sessions import OPEN
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions import holding
from stratoscope.store.sessions import SessionRow
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.sessions import SessionRequest


async def end_of(reading: Reading, session_id: UUID | None) -> datetime | None:
    """When the session ends by itself that a breakpoint is to belong to. Raises BadRequest."""
    if session_id is None:
        return None
    session = await holding.found(reading, SessionRequest(id=session_id))
    if session.state not in OPEN:
        raise over_for_setting()
    return session.ends_at


@asynccontextmanager
async def kept_open(
    reading: Reading, session_id: UUID | None, now: datetime, refused: BadRequest
) -> AsyncIterator[None]:
    """A transaction in which a breakpoint's session, if it has one, is open; else `refused`.

    The session is locked before the breakpoints are, as by whoever ends it.
    """
    async with reading.session.transaction():
        if session_id is not None:
            row = await reading.sessions.lock(reading.space, session_id)
            if not _is_open(row, now):
                raise refused
        yield


def over_for_setting() -> BadRequest:
    """What is said of a session that nothing can be set for."""
    return BadRequest.of_fields(("session", "it has ended"))


def _is_open(row: SessionRow | None, now: datetime) -> bool:
    return row is not None and holding.as_of(row, now).state in OPEN
