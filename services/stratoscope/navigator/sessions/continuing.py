"""`session.continue`: on, or back, to where a condition or a breakpoint is hit.

The way is searched without a lock and without a database session held, since it may take long; then
the session is moved, if it still stands where the search began.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from stratoscope.domain import sessions as rules
from stratoscope.domain.conditions.marks import Mark, Stretch, back, onward, whole
from stratoscope.domain.seek import after_index, end
from stratoscope.navigator import spelling
from stratoscope.navigator.conditions import stored_watch, watched
from stratoscope.navigator.dispatch import Dispatch
from stratoscope.navigator.progress import Progress, Stopped
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.running import landing
from stratoscope.navigator.running.groups import Found, Sought
from stratoscope.navigator.running.landing import mark_of
from stratoscope.navigator.running.seeking import Run
from stratoscope.navigator.running.walking import CutShort
from stratoscope.navigator.sessions.holding import found, timeline_of
from stratoscope.navigator.sessions.moving import Goal, moved
from stratoscope.navigator.sessions.placing import arrive, target_of
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.breakpoints import BreakpointRow, Breakpoints
from stratoscope.store.sessions import SessionRow
from stratoscope.store.states import Standing
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.breakpoints import HitRule
from stratoscope_contracts.errors import BadRequest, OverBudget
from stratoscope_contracts.sessions import SessionContinueRequest

_RULE: Final[TypeAdapter[HitRule]] = TypeAdapter(HitRule)
# What reading a condition takes, in bytes that as much could be done over.
_READING: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a run begins and ends, and what could stop it between."""

    row: SessionRow
    start: Standing
    goal: Standing
    stretch: Stretch
    sought: Sequence[Sought]
    breakpoints: Sequence[BreakpointRow]


class Runs:
    """Answers `session.continue`."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def __call__(
        self, space: str, request: SessionContinueRequest, progress: Progress
    ) -> Json:
        """The reply, once the session stands there.

        OverBudget where it got part of the way, be it that its requester stopped it.
        """
        async with self._dispatch.reading(space) as reading:
            way = await _way(reading, request)
        try:
            hit = await self._run(space, request, way, progress).first(way.sought, way.stretch)
        except CutShort as short:
            raise await self._cut_short(space, request, way, short, progress.why) from short
        mark = mark_of(way.goal) if hit is None else hit.mark
        reply = await self._stand(space, request, way, mark)
        return reply | {"stopped_by": _stopped_by(request, way, hit)}

    def _run(
        self, space: str, request: SessionContinueRequest, way: _Way, progress: Progress
    ) -> Run:
        def readings() -> AbstractAsyncContextManager[Reading]:
            return self._dispatch.reading(space)

        def report(mark: Mark) -> None:
            started, ends = way.start.event_index, way.goal.event_index
            try:
                progress.report(abs(mark.event_index - started), abs(ends - started), "searching")
            except Stopped as stopped:
                raise CutShort(mark) from stopped

        report(mark_of(way.start))
        return Run(
            readings,
            self._dispatch.expressions,
            way.row.agent,
            request.direction,
            request.seconds,
            is_strict=request.until is not None,
            report=report,
        )

    async def _stand(
        self, space: str, request: SessionContinueRequest, way: _Way, mark: Mark
    ) -> Json:
        """Stand right after a record. Raises ConcurrentAccess where the session was moved."""
        async with self._dispatch.reading(space) as reading:
            if mark == mark_of(way.start):
                return _stays(way)
            unmoved = request.model_copy(update={"if_version": way.row.version})

            async def going(_: SessionRow, timeline: Timeline) -> Goal:
                return Goal(await landing.target_of(reading, timeline, mark))

            return await moved(reading, unmoved, going)

    async def _cut_short(
        self,
        space: str,
        request: SessionContinueRequest,
        way: _Way,
        short: CutShort,
        stopped: str,
    ) -> OverBudget:
        """Stand where the run got to, and say so."""
        reply = await self._stand(space, request, way, short.reached or mark_of(way.start))
        details: dict[str, Any] = {
            "event_index": reply["position"]["event_index"],
            "position": reply["position"],
            "version": reply["version"],
        }
        if short.stopped_at is not None:
            details["stopped_at"] = short.stopped_at.event_index
            return OverBudget(
                f"the condition can't be judged at event {short.stopped_at.event_index}: it takes"
                " too long there, or a macro runs over more than 1,000 elements; go past it first",
                details,
            )
        if stopped:
            details["stopped"] = True
            return OverBudget(
                f"{stopped}: the session stands where the run got to, at event"
                f" {details['event_index']}",
                details,
            )
        return OverBudget(
            f"nothing was hit within {request.seconds:g} s: the session stands where"
            f" the run got to, at event {details['event_index']}; continue from there",
            details,
        )


async def _way(reading: Reading, request: SessionContinueRequest) -> _Way:
    row = await found(reading, request)
    rules.after(row.state, "move", row.reason)
    timeline = timeline_of(row)
    start = await arrive(reading, timeline, target_of(row.stands))
    goal = await _goal(reading, timeline, request, start)
    breakpoints: list[BreakpointRow] = []
    if request.until is not None:
        sought = [Sought(await watched(reading.expressions, request.until, "until"))]
    else:
        breakpoints = await Breakpoints(reading.session).armed(
            reading.space, row.agent, row.id, reading.now
        )
        readable = await work_on(len(breakpoints) * _READING, _readable, breakpoints)
        breakpoints = [row for row, _ in readable]
        sought = [one for _, one in readable]
    return _Way(row, start, goal, _stretch(request, timeline, start, goal), sought, breakpoints)


async def _goal(
    reading: Reading, timeline: Timeline, request: SessionContinueRequest, start: Standing
) -> Standing:
    """Where the run ends if nothing is hit: the fence, or the timeline's end on that side."""
    ahead = request.direction == "forward"
    if request.fence is not None:
        goal = await reading.standing(timeline, request.fence)
        behind = mark_of(goal) < mark_of(start) if ahead else mark_of(goal) > mark_of(start)
        if behind:
            raise BadRequest.of_fields(("fence", f"it is not {request.direction} of the session"))
        return goal
    extent = timeline.extent
    target = end(extent) if ahead else after_index(extent.first, extent)
    goal = await arrive(reading, timeline, target)
    # At the first position there may be snapshots behind the place where a session stands.
    return goal if ahead or mark_of(goal) < mark_of(start) else start


def _stretch(
    request: SessionContinueRequest, timeline: Timeline, start: Standing, goal: Standing
) -> Stretch:
    marks = (mark_of(start), mark_of(goal))
    if request.direction == "forward":
        return onward(*marks, start.version, goal.version)
    if request.fence is not None:
        return back(*marks, start.version, goal.version)
    return whole(timeline.extent)._replace(before=marks[0], last_version=start.version)


def _readable(rows: Sequence[BreakpointRow]) -> list[tuple[BreakpointRow, Sought]]:
    """The breakpoints that today's limits take: one that they refuse must not stop a session."""
    return [(row, sought) for row in rows if (sought := _sought(row)) is not None]


def _sought(row: BreakpointRow) -> Sought | None:
    """What a breakpoint waits for; None where that can't be read."""
    watched = stored_watch(row.id, row.condition)
    try:
        rule = None if row.hit is None else _RULE.validate_json(row.hit)
    except ValidationError:
        return None
    return None if watched is None else Sought(watched, row.trigger, rule)


def _stays(way: _Way) -> Json:
    return {
        "position": spelling.position(way.row.agent, way.start),
        "version": way.row.version,
    }


def _stopped_by(request: SessionContinueRequest, way: _Way, hit: Found | None) -> Json | str:
    if hit is None:
        return "end" if request.fence is None else "fence"
    if request.until is not None:
        return {"condition": True}
    # Of several that would be hit at one record, the one that was set first.
    return {"breakpoint": str(way.breakpoints[min(hit.reasons)].id)}
