"""Several streams as one, and which streams a plan comes to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from stratoscope.domain.conditions.marks import Mark, Stretch
from stratoscope.domain.conditions.plan import Sources
from stratoscope.domain.expressions.narrowing import types_in
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.seek import UpTo
from stratoscope.navigator.running.picking import EventsWhere
from stratoscope.navigator.running.reads import PLAIN_KEYS, event_keys
from stratoscope.navigator.running.streams import (
    AllEvents,
    Candidate,
    EventsOfDepth,
    EventsOfTypes,
    Ground,
    Some,
    Stream,
    Versions,
    in_order,
)
from stratoscope.store.jumps import Touched

# Past so many expressions and depths, going through all events once is cheaper than for each.
_APART: Final = 8
_TICK: Final = timedelta(microseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Candidates:
    """Several streams as one, in order, each record once."""

    stretch: Stretch
    streams: Sequence[Stream]
    # Up to where nothing is left out, as far as that is known of what told nothing.
    passed: Mark | None = None
    _buffers: list[list[Candidate]] = field(init=False)

    def __post_init__(self) -> None:
        self._buffers = [[] for _ in self.streams]

    @property
    def ended(self) -> bool:
        """Whether there are no more."""
        return not any(self._buffers) and all(stream.ended for stream in self.streams)

    async def take(self, ground: Ground, count: int) -> list[Candidate]:
        """The next ones, about so many. None does not mean that they have ended."""
        for number, stream in enumerate(self.streams):
            if not self._buffers[number] and not stream.ended:
                self._buffers[number] = await stream.take(ground, count)
        bound = self._bound(ground)
        found: list[Candidate] = []
        for number, buffer in enumerate(self._buffers):
            count = len(buffer) if bound is None else _up_to(buffer, bound, ahead=ground.is_ahead)
            found += buffer[:count]
            self._buffers[number] = buffer[count:]
        self.passed = bound or self.passed
        if len(self.streams) > 1:
            found = in_order(found, ground.direction)
        return [one for one in found if self.stretch.holds(one.mark)]

    def put_back(self, some: Sequence[Candidate]) -> None:
        """Have these come again, before all others."""
        if some:
            self.streams = [Some([]), *self.streams]
            self._buffers = [list(some), *self._buffers]

    def _bound(self, ground: Ground) -> Mark | None:
        """Up to where no stream that goes on can have anything else; None where none goes on."""
        ends = [
            buffer[-1].mark if buffer else stream.passed or self._edge(ground)
            for stream, buffer in zip(self.streams, self._buffers, strict=True)
            if not stream.ended
        ]
        if not ends:
            return None
        return min(ends) if ground.is_ahead else max(ends)

    def _edge(self, ground: Ground) -> Mark:
        return self.stretch.after if ground.is_ahead else self.stretch.before


async def candidates_of(
    ground: Ground, sources: Sources, stretch: Stretch, *, of_snapshots: bool
) -> Candidates:
    """The candidates of a stretch; `of_snapshots` where those are looked at, too."""
    stretch = await _within_times(ground, sources, stretch)
    events, versions = stretch.events, (stretch.after_version, stretch.last_version)
    if sources.everything or len(sources.expressions) + len(sources.depths) > _APART:
        streams: list[Stream] = [AllEvents(events)]
        if of_snapshots:
            streams.append(Versions(*versions, None, only_snapshots=True))
        return Candidates(stretch, streams)
    some = [Candidate(Mark(index)) for index in sources.indexes]
    some += await _turning(ground, sources)
    streams = [Some([one for one in some if stretch.holds(one.mark)])]
    if sources.types:
        streams.append(EventsOfTypes(sources.types, events))
    streams += [EventsOfDepth(depth, events) for depth in sources.depths]
    if sources.paths:
        streams.append(Versions(*versions, sources.paths))
    streams += [_where(ground, expression, events) for expression in sources.expressions]
    return Candidates(stretch, streams)


def _where(ground: Ground, expression: Expression, events: range) -> Stream:
    """Events at which an expression holds, or among which they are."""
    types = types_in(expression.source)
    keys = event_keys([expression])
    if keys is not None and keys <= PLAIN_KEYS:
        return EventsWhere(expression, keys, ground.reading.expressions, types, events)
    return AllEvents(events) if types is None else EventsOfTypes(types, events)


async def _within_times(ground: Ground, sources: Sources, stretch: Stretch) -> Stretch:
    """What of a stretch is left by the bounds on time; perhaps a few records more."""
    if sources.since is not None:
        event, version = await _before(ground, sources.since)
        stretch = stretch._replace(
            after=max(stretch.after, Mark(event)),
            after_version=max(stretch.after_version, version),
        )
    if sources.until is not None:
        event, version = await _before(ground, sources.until)
        stretch = stretch._replace(
            before=min(stretch.before, Mark(event + 1)),
            last_version=min(stretch.last_version, version),
        )
    return stretch


async def _turning(ground: Ground, sources: Sources) -> list[Candidate]:
    """The first record of all, and those that are the first past a time."""
    turns = [await _before(ground, time) for time in sorted(sources.reached)]
    if sources.first:
        turns.append((-1, -1))
    timeline = ground.timeline
    numbers = {version + 1 for _, version in turns if version + 1 < timeline.versions}
    found = (await ground.jumps.versions(numbers)).values() if numbers else ()
    marks: Iterable[Candidate] = (
        Candidate(Touched(one.version, one.event_index, one.is_snapshot).mark, one.version)
        for one in found
    )
    return [
        *(Candidate(Mark(event + 1)) for event, _ in turns if event + 1 < timeline.events),
        *marks,
    ]


async def _before(ground: Ground, time: datetime) -> tuple[int, int]:
    """The last event and the last version before a time."""
    # No record has the first time of all, and a time's own offset may not be left at it.
    utc = time.astimezone(UTC)
    before = utc - _TICK if utc > _FIRST else utc
    return await ground.reading.timelines.seek(ground.timeline, UpTo(clock=before))


def _up_to(buffer: Sequence[Candidate], bound: Mark, *, ahead: bool) -> int:
    """How many of a buffer come no later than a record."""
    return sum(1 for one in buffer if (one.mark <= bound if ahead else one.mark >= bound))
