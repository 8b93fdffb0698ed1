"""The verbs of a session: an operator's place in one agent's timeline."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import orjson

from stratoscope.domain import sessions as rules
from stratoscope.domain.seek import Stand, UpTo, after_index, end
from stratoscope.domain.stepping import (
    Footing,
    Move,
    NextSnapshot,
    PreviousSnapshot,
    Span,
    out_of_bounds,
    step,
)
from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.sessions import SessionPlace, SessionRow
from stratoscope.store.states import Standing
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.errors import (
    BadRequest,
    EmptyEventLog,
    NavigationOutOfBounds,
    SessionNotFound,
)
from stratoscope_contracts.sessions import (
    SessionConfig,
    SessionCreateRequest,
    SessionGotoRequest,
    SessionRequest,
    SessionStepRequest,
)
from stratoscope_contracts.views import At, AtEventIndex, AtTime
from stratoscope_contracts.words import BEFORE_FIRST

NOWHERE = SessionPlace(BEFORE_FIRST, None, None)
# Where a move goes: the stand, and the session's own clock where that is not the records'.
Going = Callable[[SessionRow, Timeline], Awaitable[tuple[Stand, datetime | None]]]


async def create(reading: Reading, request: SessionCreateRequest) -> Json:
    """A session at an agent's latest position, be the agent there or not."""
    _check_texts(request)
    timeline = await reading.timelines.find(reading.space, request.agent)
    stands, position = NOWHERE, spelling.before_everything(request.agent)
    if timeline is not None:
        standing = await reading.states.standing(timeline.agent_id, end(timeline.extent))
        stands, position = _place(standing), spelling.position(timeline.agent, standing)
    row = SessionRow(
        id=uuid4(),
        agent=request.agent,
        state="created",
        version=1,
        name=request.name,
        description=request.description,
        tags=request.tags,
        config=(request.config or SessionConfig()).model_dump_json(),
        stands=stands,
        created_at=reading.now,
        updated_at=reading.now,
    )
    await reading.sessions.create(reading.space, row)
    return _session(row, position)


async def get(reading: Reading, request: SessionRequest) -> Json:
    """One session."""
    row = await _found(reading, request)
    return _session(row, await _position(reading, row))


async def start(reading: Reading, request: SessionRequest) -> Json:
    """Created to active."""
    async with _locked(reading, request) as row:
        state = rules.after(row.state, "start")
        await reading.sessions.enter(row.id, state, reading.now)
    changed = replace(row, state=state, version=row.version + 1, updated_at=reading.now)
    return _session(changed, await _position(reading, changed))


async def position(reading: Reading, request: SessionRequest) -> Json:
    """Where the session stands."""
    row = await _found(reading, request)
    return {"position": await _position(reading, row), "version": row.version}


async def goto(reading: Reading, request: SessionGotoRequest) -> Json:
    """Stands anywhere in the timeline."""

    async def going(_: SessionRow, timeline: Timeline) -> tuple[Stand, datetime | None]:
        at = request.at
        if isinstance(at, AtEventIndex) and at.event_index > BEFORE_FIRST:
            _check_events(timeline)
        return await reading.stand(timeline, at), _clock_of(at, timeline)

    return await _moved(reading, request, going)


async def make_step(reading: Reading, request: SessionStepRequest) -> Json:
    """Moves by events, a snapshot or seconds, both ways."""

    async def going(row: SessionRow, timeline: Timeline) -> tuple[Stand, datetime | None]:
        _check_events(timeline)
        standing = await _standing(reading, timeline, row.stands)
        footing = Footing(
            standing.event_index, standing.version, standing.on_snapshot, row.stands.clock
        )
        span = Span(timeline.extent, timeline.first_at, timeline.last_at)
        move = step(request.direction, request.size, footing, span)
        return await _reached(reading, timeline, footing, move), move.clock

    return await _moved(reading, request, going)


async def _reached(reading: Reading, timeline: Timeline, footing: Footing, move: Move) -> Stand:
    match move.target:
        case NextSnapshot(after_version=version):
            found = await reading.states.next_snapshot(timeline.agent_id, version)
            if found is None or found.version >= timeline.versions:
                raise out_of_bounds(timeline.events, timeline.extent)
            return found
        case PreviousSnapshot(before_version=version):
            found = await reading.states.previous_snapshot(timeline.agent_id, version)
            if found is not None and found.version >= timeline.first_shown:
                return found
            first = timeline.first_position
            if footing.event_index <= first:
                raise out_of_bounds(first - 1, timeline.extent)
            return await reading.reach(timeline, after_index(first, timeline.extent))
        case target:
            return await reading.reach(timeline, target)


async def _moved(reading: Reading, request: SessionRequest, going: Going) -> Json:
    async with _locked(reading, request) as row:
        rules.after(row.state, "move")
        timeline = await reading.timeline(row.agent)
        stand, clock = await going(row, timeline)
        standing = await reading.states.standing(timeline.agent_id, stand)
        place = _place(standing, clock)
        first, version = await reading.sessions.move(row.id, place, reading.now, timeline.agent_id)
        if not replace(timeline.extent, first=first, first_version=version).keeps(stand):
            moved_on = await reading.timeline(row.agent)
            raise out_of_bounds(stand.event_index, moved_on.extent)
    return {
        "position": spelling.position(timeline.agent, standing),
        "version": row.version + 1,
    }


@asynccontextmanager
async def _locked(reading: Reading, request: SessionRequest) -> AsyncIterator[SessionRow]:
    """The session as it is now, changed by nobody else until the end of the block."""
    async with reading.session.transaction():
        row = await reading.sessions.lock(reading.space, request.id)
        yield _checked(row, request, reading.now)


async def _found(reading: Reading, request: SessionRequest) -> SessionRow:
    row = await reading.sessions.find(reading.space, request.id)
    return _checked(row, request, reading.now)


def _checked(row: SessionRow | None, request: SessionRequest, now: datetime) -> SessionRow:
    if row is None:
        raise SessionNotFound("there is no session with this id")
    longest = _config(row).max_session_duration
    state = rules.state_at(row.state, row.created_at, longest, now)
    rules.check_version(state, row.version, request.if_version)
    return replace(row, state=state)


async def _position(reading: Reading, row: SessionRow) -> Json:
    timeline = await reading.timelines.find(reading.space, row.agent)
    if timeline is None:
        return spelling.before_everything(row.agent)
    try:
        standing = await _standing(reading, timeline, row.stands)
    except NavigationOutOfBounds:
        # A session that is over holds nothing back: where it stood is all there is to say.
        return spelling.somewhere_gone(row.agent, row.stands)
    return spelling.position(timeline.agent, standing)


async def _standing(reading: Reading, timeline: Timeline, stands: SessionPlace) -> Standing:
    """What stands around a kept place, whatever was recorded behind it since."""
    stand = Stand(BEFORE_FIRST, -1)
    if stands.place is not None:
        stand = await reading.reach(timeline, UpTo(place=stands.place))
    elif not timeline.extent.keeps(stand):
        raise out_of_bounds(BEFORE_FIRST, timeline.extent)
    return await reading.states.standing(timeline.agent_id, stand)


def _place(standing: Standing, clock: datetime | None = None) -> SessionPlace:
    last = standing.last
    if last is None:
        return SessionPlace(standing.event_index, None, clock)
    return SessionPlace(standing.event_index, last.place, clock or last.clock)


def _clock_of(at: At, timeline: Timeline) -> datetime | None:
    """The moment that was named; behind the last record there is nothing to step back through."""
    if isinstance(at, AtTime) and at.clock == "occurred":
        return min(at.time, timeline.last_at)
    return None


def _check_events(timeline: Timeline) -> None:
    if not timeline.events:
        raise EmptyEventLog("this agent has no event yet")


def _check_texts(request: SessionCreateRequest) -> None:
    texts = (
        ("name", request.name),
        ("description", request.description),
        *(("tags", tag) for tag in request.tags),
    )
    refused = [(field, "a NUL can't be kept") for field, text in texts if "\0" in (text or "")]
    if refused:
        raise BadRequest.of_fields(*refused)


def _config(row: SessionRow) -> SessionConfig:
    return SessionConfig.model_validate_json(row.config)


def _session(row: SessionRow, where: Json) -> Json:
    session = {
        "id": str(row.id),
        "agent": row.agent,
        "state": row.state,
        "version": row.version,
        "name": row.name,
        "description": row.description,
        "tags": list(row.tags),
        "config": orjson.Fragment(row.config),
        "position": where,
        "created_at": spelling.time(row.created_at),
        "updated_at": spelling.time(row.updated_at),
    }
    return {"session": session, "version": row.version}
