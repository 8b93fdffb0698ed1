"""The moves of a session: where they go, and the one way to make them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from stratoscope.domain import sessions as rules
from stratoscope.domain.seek import Stand, after_index
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
from stratoscope.navigator.sessions.holding import locked
from stratoscope.navigator.sessions.placing import place_of, standing_at
from stratoscope.navigator.spelling import Json
from stratoscope.store.sessions import SessionRow
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.errors import EmptyEventLog
from stratoscope_contracts.sessions import SessionGotoRequest, SessionRequest, SessionStepRequest
from stratoscope_contracts.views import At, AtEventIndex, AtTime
from stratoscope_contracts.words import BEFORE_FIRST

# Where a move goes: the stand, and the session's own clock where that is not the records'.
Going = Callable[[SessionRow, Timeline], Awaitable[tuple[Stand, datetime | None]]]


async def goto(reading: Reading, request: SessionGotoRequest) -> Json:
    """Stands anywhere in the timeline."""

    async def going(_: SessionRow, timeline: Timeline) -> tuple[Stand, datetime | None]:
        at = request.at
        if isinstance(at, AtEventIndex) and at.event_index > BEFORE_FIRST:
            _check_events(timeline)
        return await reading.stand(timeline, at), _clock_of(at, timeline)

    return await moved(reading, request, going)


async def make_step(reading: Reading, request: SessionStepRequest) -> Json:
    """Moves by events, a snapshot or seconds, both ways."""

    async def going(row: SessionRow, timeline: Timeline) -> tuple[Stand, datetime | None]:
        _check_events(timeline)
        standing = await standing_at(reading, timeline, row.stands)
        footing = Footing(
            standing.event_index, standing.version, standing.on_snapshot, row.stands.clock
        )
        span = Span(timeline.extent, timeline.first_at, timeline.last_at)
        move = step(request.direction, request.size, footing, span)
        return await _reached(reading, timeline, footing, move), move.clock

    return await moved(reading, request, going)


async def moved(reading: Reading, request: SessionRequest, going: Going) -> Json:
    async with locked(reading, request) as row:
        rules.after(row.state, "move")
        timeline = await reading.timeline(row.agent)
        stand, clock = await going(row, timeline)
        standing = await reading.states.standing(timeline.agent_id, stand)
        place = place_of(standing, clock)
        first, version = await reading.sessions.move(row.id, place, reading.now, timeline.agent_id)
        if not replace(timeline.extent, first=first, first_version=version).keeps(stand):
            moved_on = await reading.timeline(row.agent)
            raise out_of_bounds(stand.event_index, moved_on.extent)
    return {
        "position": spelling.position(timeline.agent, standing),
        "version": row.version + 1,
    }


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


def _clock_of(at: At, timeline: Timeline) -> datetime | None:
    """The moment that was named; behind the last record there is nothing to step back through."""
    if isinstance(at, AtTime) and at.clock == "occurred":
        return min(at.time, timeline.last_at)
    return None


def _check_events(timeline: Timeline) -> None:
    if not timeline.events:
        raise EmptyEventLog("this agent has no event yet")
