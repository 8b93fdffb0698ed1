"""Where to look: streams of records at which a condition could be hit, in order, by index.

Each stream knows what is left of it, and nothing of the database but what it is handed for a page.
So a search may go on with another session, and over a projection that was swapped in meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from stratoscope.domain.conditions.marks import Mark, Stretch
from stratoscope.domain.conditions.plan import Sources
from stratoscope.domain.paths import Segments
from stratoscope.domain.seek import UpTo
from stratoscope.navigator.reading import Reading
from stratoscope.store.jumps import Jumps, Touched
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.looking import Direction

_TICK: Final = timedelta(microseconds=1)


class Candidate(NamedTuple):
    """A record; `version` is the state that it set, where that is known."""

    mark: Mark
    version: int | None = None


class Stream(Protocol):
    """Candidates of one source."""

    async def take(
        self, jumps: Jumps, timeline: Timeline, direction: Direction, count: int
    ) -> list[Candidate]:
        """The next ones, about so many; none where there are no more."""


@dataclass(slots=True)
class AllEvents:
    """Events of a range: there are no gaps, so nothing needs to be asked."""

    left: range

    async def take(
        self, jumps: Jumps, timeline: Timeline, direction: Direction, count: int
    ) -> list[Candidate]:
        if direction == "forward":
            taken, self.left = self.left[:count], self.left[count:]
        else:
            taken, self.left = self.left[-count:][::-1], self.left[:-count]
        return [Candidate(Mark(index)) for index in taken]


@dataclass(slots=True)
class EventsOfTypes:
    """Events of some types."""

    types: frozenset[str]
    left: range

    async def take(
        self, jumps: Jumps, timeline: Timeline, direction: Direction, count: int
    ) -> list[Candidate]:
        if not self.left:
            return []
        found = await jumps.of_types(self.types, self.left, direction, count)
        self.left = _behind(self.left, found[-1], direction) if len(found) == count else range(0)
        return [Candidate(Mark(index)) for index in found]


@dataclass(slots=True)
class EventsOfDepth:
    """Events of a depth, some blocks at a time."""

    depth: int
    left: range

    async def take(
        self, jumps: Jumps, timeline: Timeline, direction: Direction, count: int
    ) -> list[Candidate]:
        found: list[int] = []
        while self.left and not found:
            found, self.left = await jumps.of_depth(self.depth, self.left, direction)
        return [Candidate(Mark(index)) for index in found]


@dataclass(slots=True)
class Versions:
    """Versions after one, up to and with another: those that touch some paths, or all.

    What was recorded without the index may touch any path.
    """

    after: int
    last: int
    # None for all versions.
    paths: frozenset[Segments] | None
    only_snapshots: bool = False
    _numbers: tuple[int, list[int]] | None = None

    async def take(
        self, jumps: Jumps, timeline: Timeline, direction: Direction, count: int
    ) -> list[Candidate]:
        found: list[Touched] = []
        while self.after < self.last and not found:
            found = await self._page(jumps, timeline, direction, count)
            if self.only_snapshots:
                found = [one for one in found if one.is_snapshot]
        return [Candidate(one.mark, one.version) for one in found]

    async def _page(
        self, jumps: Jumps, timeline: Timeline, direction: Direction, count: int
    ) -> list[Touched]:
        """Of one of the two parts: where the index does not reach, and where it does."""
        if self.paths is None or () in self.paths:
            numbers, first, last = None, self.after, self.last
        else:
            bare = max(min(timeline.indexed_from - 1, self.last), self.after)
            is_bare = bare > self.after if direction == "forward" else bare == self.last
            first, last = (self.after, bare) if is_bare else (bare, self.last)
            numbers = None if is_bare else await self._path_numbers(jumps, timeline)
        found = await jumps.touching(numbers, first, last, direction, count)
        reached = found[-1].version if len(found) == count else None
        if direction == "forward":
            self.after = last if reached is None else reached
        else:
            self.last = first if reached is None else reached - 1
        return found

    async def _path_numbers(self, jumps: Jumps, timeline: Timeline) -> list[int]:
        known = self._numbers
        if known is None or known[0] != timeline.agent_id:
            known = self._numbers = (
                timeline.agent_id,
                await jumps.path_numbers(self.paths or ()),
            )
        return known[1]


@dataclass(slots=True)
class Some:
    """A few that are known from the start."""

    left: list[Candidate]

    async def take(
        self, jumps: Jumps, timeline: Timeline, direction: Direction, count: int
    ) -> list[Candidate]:
        taken, self.left = self.left, []
        return _ordered(taken, direction)


@dataclass(slots=True)
class Candidates:
    """Several streams as one, in order, each record once."""

    stretch: Stretch
    direction: Direction
    streams: Sequence[Stream]
    _buffers: list[list[Candidate]] = field(init=False)

    def __post_init__(self) -> None:
        self._buffers = [[] for _ in self.streams]

    async def take(self, jumps: Jumps, timeline: Timeline, count: int) -> list[Candidate]:
        """The next ones, about so many; none where there are no more."""
        found: list[Candidate] = []
        while not found and await self._fill(jumps, timeline, count):
            found = [one for one in self._merged() if self.stretch.holds(one.mark)]
        return found

    def put_back(self, some: Sequence[Candidate]) -> None:
        """Have these come again, before all others."""
        if some:
            self.streams = [Some([]), *self.streams]
            self._buffers = [list(some), *self._buffers]

    async def _fill(self, jumps: Jumps, timeline: Timeline, count: int) -> bool:
        """Let each stream that is not at its end have something; whether any has."""
        left: list[tuple[Stream, list[Candidate]]] = []
        for stream, waiting in zip(self.streams, self._buffers, strict=True):
            buffer = waiting or await stream.take(jumps, timeline, self.direction, count)
            if buffer:
                left.append((stream, buffer))
        self.streams = [stream for stream, _ in left]
        self._buffers = [buffer for _, buffer in left]
        return bool(left)

    def _merged(self) -> list[Candidate]:
        """What stands before the end of every buffer, and so has nothing before it elsewhere."""
        if len(self._buffers) == 1:
            (found,) = self._buffers
            self._buffers = [[]]
            return found
        ahead = self.direction == "forward"
        ends = [buffer[-1].mark for buffer in self._buffers]
        bound = min(ends) if ahead else max(ends)
        found: list[Candidate] = []
        for number, buffer in enumerate(self._buffers):
            passed = sum(1 for one in buffer if (one.mark <= bound if ahead else one.mark >= bound))
            found += buffer[:passed]
            self._buffers[number] = buffer[passed:]
        return _ordered(found, self.direction)


async def candidates_of(
    reading: Reading,
    timeline: Timeline,
    sources: Sources,
    stretch: Stretch,
    direction: Direction,
    *,
    of_snapshots: bool,
) -> Candidates:
    """The candidates of a stretch; `of_snapshots` where those are looked at, too."""
    stretch = await _within_times(reading, timeline, sources, stretch)
    streams: list[Stream] = []
    events, versions = stretch.events, (stretch.after_version, stretch.last_version)
    if sources.everything:
        streams.append(AllEvents(events))
        if of_snapshots:
            streams.append(Versions(*versions, None, only_snapshots=True))
        return Candidates(stretch, direction, streams)
    if sources.types:
        streams.append(EventsOfTypes(sources.types, events))
    streams += [EventsOfDepth(depth, events) for depth in sorted(sources.depths)]
    if sources.paths:
        streams.append(Versions(*versions, sources.paths))
    some = [Candidate(Mark(index)) for index in sources.indexes]
    some += await _turning(reading, timeline, sources)
    streams.append(Some([one for one in some if stretch.holds(one.mark)]))
    return Candidates(stretch, direction, streams)


async def _within_times(
    reading: Reading, timeline: Timeline, sources: Sources, stretch: Stretch
) -> Stretch:
    """What of a stretch is left by the bounds on time; perhaps a few records more."""
    if sources.since is not None:
        event, version = await _before(reading, timeline, sources.since)
        stretch = stretch._replace(
            after=max(stretch.after, Mark(event)),
            after_version=max(stretch.after_version, version),
        )
    if sources.until is not None:
        event, version = await _before(reading, timeline, sources.until)
        stretch = stretch._replace(
            before=min(stretch.before, Mark(event + 1)),
            last_version=min(stretch.last_version, version),
        )
    return stretch


async def _turning(reading: Reading, timeline: Timeline, sources: Sources) -> list[Candidate]:
    """The first record of all, and those that are the first past a time."""
    turns = [await _before(reading, timeline, time) for time in sorted(sources.reached)]
    if sources.first:
        turns.append((-1, -1))
    numbers = {version + 1 for _, version in turns if version + 1 < timeline.versions}
    found = await Jumps(reading.session, timeline.agent_id).versions(numbers)
    marks: Iterable[Candidate] = (
        Candidate(Touched(one.version, one.event_index, one.is_snapshot).mark, one.version)
        for one in found.values()
    )
    return [
        *(Candidate(Mark(event + 1)) for event, _ in turns if event + 1 < timeline.events),
        *marks,
    ]


async def _before(reading: Reading, timeline: Timeline, time: datetime) -> tuple[int, int]:
    """The last event and the last version before a time."""
    return await reading.timelines.seek(timeline, UpTo(clock=time - _TICK))


def _ordered(some: Iterable[Candidate], direction: Direction) -> list[Candidate]:
    """In order, each record once, with its version where anybody knows it."""
    known: dict[Mark, Candidate] = {}
    for one in some:
        if one.version is not None or one.mark not in known:
            known[one.mark] = one
    return [known[mark] for mark in sorted(known, reverse=direction == "backward")]


def _behind(left: range, index: int, direction: Direction) -> range:
    return range(index + 1, left.stop) if direction == "forward" else range(left.start, index)
