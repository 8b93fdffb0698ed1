"""The events of a stretch that a condition picks: walked through batch by batch, within a budget.

`state` in a condition is the state after the event and its patch, not one that a later snapshot
set: what a breakpoint on the same condition would have seen as the event came.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final, Self

from stratoscope.domain import delta
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.timeline import Place
from stratoscope.navigator import cursors, spelling
from stratoscope.navigator.expressions.evaluating import Document, Verdict
from stratoscope.navigator.reading import EMPTY_STATE, Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.fields import Fields, VersionRow
from stratoscope.store.seeks import Seeks
from stratoscope.store.timelines import EventRow, Timeline, documents_size
from stratoscope_contracts.errors import OverBudget
from stratoscope_contracts.looking import Direction, EventsListRequest

# Less than a client waits for a reply when nobody told it otherwise.
BUDGET_SECONDS: Final = 3.0
_BATCH_EVENTS: Final = 256
_BATCH_SECONDS: Final = 0.75
_BATCH_STATE_BYTES: Final = 4 << 20
_REPLY_BYTES: Final = 6 << 20


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events of a timeline: after one index, up to and with another."""

    timeline: Timeline
    after: int
    last: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return self.after >= self.last

    def behind(self, event_index: int, direction: Direction) -> Self:
        """What is left of it once an event was passed."""
        if direction == "forward":
            return replace(self, after=min(max(self.after, event_index), self.last))
        return replace(self, last=max(min(self.last, event_index - 1), self.after))


async def picked(
    reading: Reading, request: EventsListRequest, where: str, stretch: Stretch
) -> Json:
    """A page of those events where the condition holds.

    Out of budget a page is short, and its cursor goes on from there; where there is nothing to
    show, OverBudget says how far the walk got.
    """
    walk = _Walk(reading, request, await reading.expressions.check(where), stretch)
    deadline = monotonic() + BUDGET_SECONDS
    while not walk.is_done:
        await walk.step()
        # Looked at behind a step: whoever asks again gets on, however slow all is.
        if monotonic() >= deadline:
            break
    if not walk.found and not walk.left.is_empty:
        raise _over_budget(walk)
    return {
        "events": walk.found,
        "cursor": None if walk.left.is_empty else walk.cursor,
        "horizon": spelling.horizon(stretch.timeline),
    }


@dataclass(slots=True)
class _Walk:
    """A condition on its way through a stretch."""

    reading: Reading
    request: EventsListRequest
    expression: Expression
    left: Stretch
    found: list[Json] = field(default_factory=list)
    found_bytes: int = 0
    passed: int | None = None
    stopped_at: int | None = None

    @property
    def is_done(self) -> bool:
        """Whether there is a page, or nothing more to come."""
        return (
            self.left.is_empty
            or self.stopped_at is not None
            or len(self.found) >= self.request.limit
            or self.found_bytes > _REPLY_BYTES
        )

    @property
    def cursor(self) -> str | None:
        """Where to go on."""
        return None if self.passed is None else cursors.spell(self.request, self.passed)

    async def step(self) -> None:
        """Judge the next batch."""
        page = await self.reading.timelines.page_between(
            self.left.timeline,
            self.left.after,
            self.left.last,
            self.request.types,
            self.request.direction,
            _BATCH_EVENTS,
        )
        # Beside what is found already.
        rows = await self.reading.events(page._replace(size=page.size + self.found_bytes))
        spelled = [spelling.event(row) for row in rows]
        states = await self._states(rows)
        documents = [Document(*pair) for pair in zip(spelled, states, strict=False)]
        verdicts = await self.reading.expressions.evaluate(
            self.expression, documents, _BATCH_SECONDS
        )
        for row, event, verdict in zip(rows, spelled, verdicts, strict=False):
            self._judged(row, event, verdict)
            if self.is_done:
                return
        if not page.has_more and len(verdicts) == len(rows):
            self.left = replace(self.left, after=self.left.last)

    def _judged(self, row: EventRow, event: Json, verdict: Verdict) -> None:
        if verdict is Verdict.STOPPED:
            self.stopped_at = row.event_index
            return
        self.passed = row.event_index
        self.left = self.left.behind(row.event_index, self.request.direction)
        if verdict is Verdict.HOLDS:
            self.found.append(event)
            self.found_bytes += documents_size(row)

    async def _states(self, rows: Sequence[EventRow]) -> list[bytes | None]:
        """The state after each event and its patch; of fewer events where states are large."""
        if not rows or "state" not in self.expression.variables:
            return [None] * len(rows)
        timeline, session = self.left.timeline, self.reading.session
        places = [Place(row.stream_seq, row.ordinal) for row in rows]
        versions = await Seeks(session).versions_at(timeline, places)
        fields = Fields(session)
        known = await fields.versions(timeline.agent_id, (each for each in versions if each >= 0))
        versions = versions[: _affordable(versions, known)]
        wanted = [known[each].at for each in dict.fromkeys(versions) if each in known]
        frames = await fields.frames(timeline.agent_id, wanted)
        work = sum(frame.size for frame in frames.values())
        raws = await work_on(work, delta.unfold_all, frames, {each.version for each in wanted})
        return [EMPTY_STATE if each < 0 else raws.get(each) for each in versions]


def _affordable(versions: Sequence[int], known: dict[int, VersionRow]) -> int:
    """How many of these can be rebuilt at once, one at least."""
    size = 0
    before: int | None = None
    for count, version in enumerate(versions):
        if version != before and version in known:
            size += known[version].size
        if count and size > _BATCH_STATE_BYTES:
            return count
        before = version
    return len(versions)


def _over_budget(walk: _Walk) -> OverBudget:
    if walk.stopped_at is not None:
        return OverBudget(
            f"the condition can't be judged at event {walk.stopped_at}: it takes too long there, or"
            " a macro runs over more than 1,000 elements; ask for a stretch without it",
            {"event_index": walk.passed, "stopped_at": walk.stopped_at},
        )
    return OverBudget(
        f"no match up to event {walk.passed} within {BUDGET_SECONDS:g} s: ask again with this"
        " cursor",
        {"event_index": walk.passed, "cursor": walk.cursor},
    )
