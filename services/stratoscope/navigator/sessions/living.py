"""A session's life: made, listed, described, started, paused, completed, forgotten."""

import os
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from stratoscope.domain import sessions as rules
from stratoscope.domain.seek import end
from stratoscope.domain.trail import Trail
from stratoscope.navigator import cursors, spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.arming import arm, auto_breakpoints, disarm
from stratoscope.navigator.sessions.holding import as_of, changed, found, locked
from stratoscope.navigator.sessions.placing import (
    NOWHERE,
    arrive,
    place_of,
    session_reply,
    spelled_lines,
    spelled_position,
    spelled_session,
)
from stratoscope.navigator.sessions.quota import check_session_count
from stratoscope.navigator.spelling import Json
from stratoscope.store.seeks import Seeks
from stratoscope.store.sessions import SessionRow
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.ids import RANDOM_BYTES, uuid7
from stratoscope_contracts.sessions import (
    SessionConfig,
    SessionCreateRequest,
    SessionListRequest,
    SessionRequest,
    SessionUpdateRequest,
)


async def create(reading: Reading, request: SessionCreateRequest) -> Json:
    """A session at an agent's latest position, be the agent there or not."""
    check_texts(request.name, request.description, request.tags)
    await check_session_count(reading)
    config = request.config or SessionConfig()
    timeline = await reading.timelines.find(reading.space, request.agent)
    stands, position = NOWHERE, spelling.before_everything(request.agent)
    if timeline is not None:
        standing = await arrive(reading, timeline, end(timeline.extent))
        stands, position = place_of(standing), spelling.position(timeline.agent, standing)
    row = SessionRow(
        id=new_session_id(reading.now),
        agent=request.agent,
        state="created",
        version=1,
        name=request.name or None,
        description=request.description or None,
        tags=request.tags,
        config=config.model_dump_json(),
        stands=stands,
        created_at=reading.now,
        updated_at=reading.now,
        ends_at=rules.ends_at(reading.now, config.max_session_duration),
    )
    await reading.sessions.create(reading.space, row, Trail().slots(1), [stands])
    return session_reply(row, position)


async def get(reading: Reading, request: SessionRequest) -> Json:
    """One session."""
    row = await found(reading, request)
    return session_reply(row, await spelled_position(reading, row))


async def position(reading: Reading, request: SessionRequest) -> Json:
    """Where the session stands."""
    row = await found(reading, request)
    return {"position": await spelled_position(reading, row), "version": row.version}


async def list_page(reading: Reading, request: SessionListRequest) -> Json:
    """The sessions of the space, newest first."""
    found_page = await reading.sessions.page(
        reading.space,
        request.agent,
        request.state,
        cursors.id_in(request),
        reading.now,
        request.limit,
    )
    page = found_page.rows
    named = await Seeks(reading.session).named(reading.space, [*{row.agent for row in page}])
    heads = {timeline.agent: timeline for timeline in named}
    places = await spelled_lines(
        reading, [(row.agent, heads.get(row.agent), row.stands) for row in page]
    )
    return {
        "sessions": [
            spelled_session(as_of(row, reading.now), where)
            for row, where in zip(page, places, strict=True)
        ],
        "cursor": cursors.spell(request, str(page[-1].id)) if found_page.has_more else None,
    }


async def update(reading: Reading, request: SessionUpdateRequest) -> Json:
    """Names and tags a session, whatever state it is in; an empty text clears."""
    check_texts(request.name, request.description, request.tags or ())
    async with locked(reading, request) as row:
        described = replace(
            row,
            name=row.name if request.name is None else request.name or None,
            description=(
                row.description if request.description is None else request.description or None
            ),
            tags=row.tags if request.tags is None else request.tags,
        )
        await reading.sessions.describe(described, reading.now)
    row = changed(described, reading.now)
    return session_reply(row, await spelled_position(reading, row))


async def start(reading: Reading, request: SessionRequest) -> Json:
    """Created to active, with the breakpoints that it was made to have."""
    # Asks the broker, so before the session is locked.
    breakpoints = await auto_breakpoints(reading, await found(reading, request))
    async with locked(reading, request) as row:
        entered = await _entered(reading, row, "start")
        await arm(reading, breakpoints)
    return session_reply(entered, await spelled_position(reading, entered))


async def pause(reading: Reading, request: SessionRequest) -> Json:
    """Active to paused."""
    async with locked(reading, request) as row:
        entered = await _entered(reading, row, "pause")
    return session_reply(entered, await spelled_position(reading, entered))


async def resume(reading: Reading, request: SessionRequest) -> Json:
    """Paused to active."""
    async with locked(reading, request) as row:
        entered = await _entered(reading, row, "resume")
    return session_reply(entered, await spelled_position(reading, entered))


async def complete(reading: Reading, request: SessionRequest) -> Json:
    """Ends a session, and its breakpoints with it."""
    async with locked(reading, request) as row:
        entered = await _entered(reading, row, "complete")
        await disarm(reading, row)
    return session_reply(entered, await spelled_position(reading, entered))


async def remove(reading: Reading, request: SessionRequest) -> Json:
    """Forgets a completed session, and its breakpoints with it."""
    async with locked(reading, request) as row:
        rules.after(row.state, "remove", row.reason)
        await reading.sessions.remove(row.id)
        await reading.breakpoints.remove_session(reading.space, row.id, reading.now)
    return {"removed": str(row.id), "version": row.version}


async def _entered(reading: Reading, row: SessionRow, action: rules.Action) -> SessionRow:
    """A locked session after an action of its life cycle."""
    state = rules.after(row.state, action, row.reason)
    await reading.sessions.enter(row.id, state, reading.now)
    entered = await reading.sessions.find(reading.space, row.id)
    assert entered is not None
    return entered


def new_session_id(now: datetime) -> UUID:
    """An id that sorts by when it was made, as lists of sessions do."""
    return uuid7(int(now.timestamp() * 1000), os.urandom(RANDOM_BYTES))


def check_texts(name: str | None, description: str | None, tags: list[str] | tuple[()]) -> None:
    """Raises BadRequest for what a database can't keep."""
    texts = (("name", name), ("description", description), *(("tags", tag) for tag in tags))
    refused = [(field, "a NUL can't be kept") for field, text in texts if "\0" in (text or "")]
    if refused:
        raise BadRequest.of_fields(*refused)
