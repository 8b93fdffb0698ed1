"""The moves of a session: where they go, and the one way to make them.

A move is planned from the session as it was read and made by one statement, which finds the session
only if its version is still that one. Whoever finds it changed plans again, behind a lock on its
row; so moves are made one after the other, and nobody waits for a lock where nobody else moves.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from stratoscope.domain import sessions as rules
from stratoscope.domain.seek import Stand, Target, UpTo, after_index, asked_for, outside, plan
from stratoscope.domain.stepping import (
    Footing,
    Move,
    NextSnapshot,
    PreviousSnapshot,
    Span,
    out_of_bounds,
    step,
)
from stratoscope.domain.trail import Trail
from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.holding import config_of, found, locked, timeline_of
from stratoscope.navigator.sessions.marking import mark_named
from stratoscope.navigator.sessions.placing import target_of
from stratoscope.navigator.sessions.queueing import turn_at
from stratoscope.navigator.spelling import Json
from stratoscope.store.reaching import snapshot_beside
from stratoscope.store.sessions import Moving, SessionRow
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.errors import BadRequest, EmptyEventLog, NavigationOutOfBounds
from stratoscope_contracts.sessions import SessionGotoRequest, SessionRequest, SessionStepRequest
from stratoscope_contracts.views import At, AtEventIndex, AtTime
from stratoscope_contracts.words import BEFORE_FIRST


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a move goes.

    `clock` is the session's own where it is not the records', `trail` the navigation history where
    the place is one of it already.
    """

    target: Target
    clock: datetime | None = None
    trail: Trail | None = None


# Plans a move; called again where somebody else moved the session meanwhile.
Going = Callable[[SessionRow, Timeline], Awaitable[Goal]]


async def goto(reading: Reading, request: SessionGotoRequest) -> Json:
    """Stands anywhere in the timeline, or where a mark is."""
    at, mark = request.at, request.mark

    async def going(row: SessionRow, timeline: Timeline) -> Goal:
        if at is not None and mark is None:
            return _goal_at(timeline, at)
        if mark is not None and at is None:
            stands = (await mark_named(reading, row, mark)).stands
            return Goal(target_of(stands), stands.clock)
        raise BadRequest.of_fields(("at", "exactly one of at, mark"))

    return await moved(reading, request, going)


async def make_step(reading: Reading, request: SessionStepRequest) -> Json:
    """Moves by events, a snapshot or seconds, both ways."""

    async def going(row: SessionRow, timeline: Timeline) -> Goal:
        _check_events(timeline)
        footing = Footing(row.stands.event_index, row.stands.place, row.stands.clock)
        span = Span(timeline.extent, timeline.first_at, timeline.last_at)
        move = step(request.direction, request.size, footing, span)
        return Goal(await _target(reading, timeline, footing, move), move.clock)

    return await moved(reading, request, going)


async def back(reading: Reading, request: SessionRequest) -> Json:
    """To the place before in the navigation history."""
    return await _through_history(reading, request, Trail.back)


async def forward(reading: Reading, request: SessionRequest) -> Json:
    """To the place after in the navigation history."""
    return await _through_history(reading, request, Trail.forward)


async def moved(reading: Reading, request: SessionRequest, going: Going) -> Json:
    """Make a move: SessionPositionReply."""
    async with turn_at(request.id):
        reply = await _attempt(reading, await found(reading, request), going)
        if reply is None:
            async with locked(reading, request) as row:
                reply = await _attempt(reading, row, going)
    assert reply is not None
    return reply


async def _attempt(reading: Reading, row: SessionRow, going: Going) -> Json | None:
    """Plan a move and make it; None where somebody else moved the session meanwhile."""
    rules.after(row.state, "move", row.reason)
    timeline = timeline_of(row)
    goal = await going(row, timeline)
    target = goal.target
    if not isinstance(target, Stand | UpTo):
        target = await reading.reach(timeline, target)
    moving = _planned(row, target, goal)
    made = await reading.sessions.move(row, timeline, moving, reading.now)
    if not made.is_kept:
        raise _dropped(target, (await reading.timeline(row.agent)))
    if not made.is_moved:
        return None
    return {
        "position": spelling.position(timeline.agent, made.standing),
        "version": row.version + 1,
    }


def _planned(row: SessionRow, target: Stand | UpTo, goal: Goal) -> Moving:
    """The move, and what becomes of the navigation history."""
    if goal.trail is not None:
        return Moving(target, goal.clock, goal.trail, None)
    capacity = config_of(row).max_navigation_history
    trail = row.trail.pushed(capacity)
    return Moving(target, goal.clock, trail, trail.current % capacity)


def _dropped(target: Stand | UpTo, timeline: Timeline) -> NavigationOutOfBounds:
    """The error for a place that retention has dropped, be it just now."""
    if isinstance(target, UpTo):
        return outside(*asked_for(target), timeline.extent)
    return out_of_bounds(target.event_index, timeline.extent)


async def _through_history(
    reading: Reading, request: SessionRequest, walk: Callable[[Trail], Trail]
) -> Json:
    async def going(row: SessionRow, _: Timeline) -> Goal:
        trail = walk(row.trail)
        slot = trail.current % config_of(row).max_navigation_history
        (stands,) = await reading.sessions.places(row.id, [slot])
        return Goal(target_of(stands), stands.clock, trail)

    return await moved(reading, request, going)


def _goal_at(timeline: Timeline, at: At) -> Goal:
    if isinstance(at, AtEventIndex) and at.event_index > BEFORE_FIRST:
        _check_events(timeline)
    return Goal(plan(at, timeline.extent), _clock_of(at, timeline))


async def _target(reading: Reading, timeline: Timeline, footing: Footing, move: Move) -> Target:
    match move.target:
        case NextSnapshot():
            found = await _snapshot_beside(reading, timeline, footing, "next")
            if found is None:
                raise out_of_bounds(timeline.events, timeline.extent)
            return found
        case PreviousSnapshot():
            found = await _snapshot_beside(reading, timeline, footing, "previous")
            if found is not None and found.version >= timeline.first_shown:
                return found
            first = timeline.first_position
            if footing.event_index <= first:
                raise out_of_bounds(first - 1, timeline.extent)
            return after_index(first, timeline.extent)
        case target:
            return target


async def _snapshot_beside(
    reading: Reading, timeline: Timeline, footing: Footing, side: Literal["next", "previous"]
) -> Stand | None:
    """The nearest snapshot on one side of where a session stands, if that is still kept itself."""
    place, extent = footing.place, timeline.extent
    found = await snapshot_beside(reading.session, timeline, place, side)
    if place is not None and not extent.keeps(Stand(footing.event_index, found.version)):
        raise outside(*asked_for(UpTo(place=place)), extent)
    return found.snapshot


def _clock_of(at: At, timeline: Timeline) -> datetime | None:
    """The moment that was named; behind the last record there is nothing to step back through."""
    if isinstance(at, AtTime) and at.clock == "occurred":
        return min(at.time, timeline.last_at)
    return None


def _check_events(timeline: Timeline) -> None:
    if not timeline.events:
        raise EmptyEventLog("this agent has no event yet")
