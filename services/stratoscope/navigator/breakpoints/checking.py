"""Which breakpoints hold at a position of the past."""

from time import monotonic
from typing import Any, Final

from stratoscope.domain import delta
from stratoscope.domain.canonical import decoded
from stratoscope.domain.conditions.judging import holds_at
from stratoscope.domain.conditions.seen import Before, Seen
from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.timeline import Place
from stratoscope.navigator import spelling
from stratoscope.navigator.breakpoints.telling import spelled_breakpoint
from stratoscope.navigator.conditions import stored_watch
from stratoscope.navigator.document_budget import claim, cost_of
from stratoscope.navigator.expressions.evaluating import Document, Verdict
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.filling import Filling
from stratoscope.store.states import Standing
from stratoscope.store.timelines import EventRow, Timeline
from stratoscope_contracts.breakpoints import BreakpointCheckRequest
from stratoscope_contracts.errors import OverBudget

BUDGET_SECONDS: Final = 3.0
_EXPRESSION_SECONDS: Final = 0.1


async def check(reading: Reading, request: BreakpointCheckRequest) -> Json:
    """The enabled breakpoints that hold there, in the order in which they were set."""
    timeline = await reading.timeline(request.agent)
    standing = await reading.standing(timeline, request.at)
    rows = await reading.breakpoints.watching(reading.space, request.agent, reading.now)
    position = await _at(reading, timeline, standing)
    deadline = monotonic() + BUDGET_SECONDS
    holding = []
    for number, row in enumerate(rows):
        if monotonic() > deadline:
            raise OverBudget(
                f"{number} of {len(rows)} breakpoints were judged in time",
                {"judged": number, "breakpoints": len(rows)},
            )
        watched = stored_watch(row.id, row.condition)
        if watched is not None and await position.holds(watched):
            holding.append(row)
    return {"holding": [spelled_breakpoint(row, reading) for row in holding]}


class _Position:
    """A position as conditions look at it."""

    def __init__(self, reading: Reading, seen: Seen, event: Json | None, state: bytes) -> None:
        self._reading = reading
        self._seen = seen
        self._document = Document(event, state)
        self._truths: dict[str, bool] = {}

    async def holds(self, watch: Watch) -> bool:
        """Whether a condition holds here."""
        for expression in watch.expressions:
            if expression.source not in self._truths:
                (verdict,) = await self._reading.expressions.evaluate(
                    expression, [self._document], _EXPRESSION_SECONDS
                )
                self._truths[expression.source] = verdict is Verdict.HOLDS
        return await work_on(
            len(self._document.state or b""), holds_at, watch, self._seen, self._truths
        )


async def _at(reading: Reading, timeline: Timeline, standing: Standing) -> _Position:
    # The state before may be as large.
    await claim(2 * cost_of(standing.size, is_parsed=True))
    state = await reading.state(timeline.agent_id, standing)
    document = await work_on(len(state), decoded, state)
    last, event = standing.last, None
    if standing.event is not None:
        events = await reading.timelines.events([(timeline.agent_id, standing.event_index)])
        event = events[0]
    sets_state = last is not None and standing.state == last
    seen = Seen(
        place=Place(0, 0) if last is None else last.place,
        event_index=standing.event_index,
        clock=None if last is None else last.clock,
        is_event=event is not None,
        type=None if event is None else event.type,
        depth=None if event is None else event.depth,
        sets_state=sets_state,
        state=lambda: document,
        before=await _before(reading, timeline, standing, document) if sets_state else None,
    )
    return _Position(reading, seen, _spelled(event), state)


async def _before(
    reading: Reading, timeline: Timeline, standing: Standing, document: Any
) -> Before | None:
    """The state before the one that the last record set; what is gone is taken for the same."""
    assert standing.state is not None
    clock = standing.state.clock
    if standing.version == 0:
        return Before(clock)
    wanted = (timeline.agent_id, standing.version - 1)
    frames = await Filling(reading.session).frames([wanted])
    if wanted not in frames:
        return Before(clock, lambda: document)
    of_agent = {version: frame for (_, version), frame in frames.items()}
    size = sum(frame.size for frame in of_agent.values())
    raws = await work_on(size, delta.unfold_all, of_agent, [standing.version - 1])
    before = await work_on(size, decoded, raws[standing.version - 1])
    return Before(clock, lambda: before)


def _spelled(event: EventRow | None) -> Json | None:
    return None if event is None else spelling.event(event)
