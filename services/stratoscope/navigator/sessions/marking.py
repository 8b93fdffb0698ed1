"""Marks: positions of a session with a name, which nothing is dropped under while it is open."""

from collections.abc import Sequence
from typing import Final

from stratoscope.domain import sessions as rules
from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.holding import found, locked
from stratoscope.navigator.sessions.placing import spelled_lines
from stratoscope.navigator.sessions.quota import check_session_bytes
from stratoscope.navigator.spelling import Json
from stratoscope.store.keepsakes import Keepsakes, MarkRow
from stratoscope.store.sessions import SessionRow
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.sessions import (
    SessionMarkRequest,
    SessionRequest,
    SessionUnmarkRequest,
)

MAX_MARKS: Final = 1_000


async def mark(reading: Reading, request: SessionMarkRequest) -> Json:
    """Gives the session's position a name."""
    _check_texts(request)
    keepsakes = Keepsakes(reading.session)
    async with locked(reading, request) as row:
        rules.after(row.state, "mark", row.reason)
        if not await keepsakes.has_room_for_mark(row.id, request.name, MAX_MARKS):
            raise BadRequest.of_fields(("name", f"a session has at most {MAX_MARKS} marks"))
        kept = MarkRow(request.name, request.note, row.stands, reading.now)
        await check_session_bytes(reading, await keepsakes.put_mark(row.id, kept))
        await reading.sessions.touch(row.id, reading.now)
    (told,) = await _spelled(reading, row, [kept])
    return {"mark": told, "version": row.version + 1}


async def marks(reading: Reading, request: SessionRequest) -> Json:
    """The positions with a name, by name."""
    row = await found(reading, request)
    kept = await Keepsakes(reading.session).marks(row.id)
    return {"marks": await _spelled(reading, row, kept), "version": row.version}


async def unmark(reading: Reading, request: SessionUnmarkRequest) -> Json:
    """Forgets a mark."""
    async with locked(reading, request) as row:
        rules.after(row.state, "mark", row.reason)
        if not await Keepsakes(reading.session).forget_mark(row.id, request.name):
            raise _unknown("name")
        await reading.sessions.touch(row.id, reading.now)
    return {"removed": request.name, "version": row.version + 1}


async def mark_named(reading: Reading, row: SessionRow, name: str) -> MarkRow:
    """A mark of a session. Raises BadRequest where it has none of that name."""
    kept = await Keepsakes(reading.session).mark(row.id, name)
    if kept is None:
        raise _unknown("mark")
    return kept


async def _spelled(reading: Reading, row: SessionRow, kept: Sequence[MarkRow]) -> list[Json]:
    places = await spelled_lines(reading, [(row.agent, row.timeline, one.stands) for one in kept])
    return [
        {
            "name": one.name,
            "note": one.note,
            "position": place,
            "created_at": spelling.time(one.created_at),
        }
        for one, place in zip(kept, places, strict=True)
    ]


def _check_texts(request: SessionMarkRequest) -> None:
    texts = (("name", request.name), ("note", request.note))
    refused = [(field, "a NUL can't be kept") for field, text in texts if "\0" in (text or "")]
    if refused:
        raise BadRequest.of_fields(*refused)


def _unknown(field: str) -> BadRequest:
    return BadRequest.of_fields((field, "the session has no mark of this name"))
