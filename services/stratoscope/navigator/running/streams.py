"""Where to look: streams of records at which a condition could be hit, each in order, by index.

A stream knows what is left of it, and nothing of the database but what it is handed for a page. So
a search may go on with another session, and over a projection that was swapped in meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stratoscope.domain.conditions.marks import Mark
from stratoscope.domain.paths import Segments
from stratoscope.navigator.reading import Reading
from stratoscope.store.jumps import Jumps, Touched
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.looking import Direction


class Candidate(NamedTuple):
    """A record; `version` is the state that it set, where that is known."""

    mark: Mark
    version: int | None = None


class Ground(NamedTuple):
    """What a page is read from, in which direction, and until when (of the monotonic clock)."""

    reading: Reading
    timeline: Timeline
    direction: Direction
    deadline: float

    @property
    def jumps(self) -> Jumps:
        """Jumps through the timeline."""
        return Jumps(self.reading.session, self.timeline.agent_id)

    @property
    def is_ahead(self) -> bool:
        """Whether the run goes forward."""
        return self.direction == "forward"


class Stream(Protocol):
    """Candidates of one source."""

    @property
    def ended(self) -> bool:
        """Whether there are no more."""

    @property
    def passed(self) -> Mark | None:
        """Up to where it has told all that it has, where it may tell nothing for long."""

    async def take(self, ground: Ground, count: int) -> list[Candidate]:
        """The next ones, about so many. None does not mean that it has ended."""


@dataclass(slots=True)
class AllEvents:
    """Events of a range: there are no gaps, so nothing needs to be asked."""

    left: range
    passed: Mark | None = None

    @property
    def ended(self) -> bool:
        return not self.left

    async def take(self, ground: Ground, count: int) -> list[Candidate]:
        if ground.is_ahead:
            taken, self.left = self.left[:count], self.left[count:]
        else:
            taken, self.left = self.left[-count:][::-1], self.left[:-count]
        return [Candidate(Mark(index)) for index in taken]


@dataclass(slots=True)
class EventsOfTypes:
    """Events of some types."""

    types: frozenset[str]
    left: range
    passed: Mark | None = None

    @property
    def ended(self) -> bool:
        return not self.left

    async def take(self, ground: Ground, count: int) -> list[Candidate]:
        found = await ground.jumps.of_types(self.types, self.left, ground.direction, count)
        more = len(found) == count
        self.left = behind(self.left, found[-1], ground) if more else range(0)
        return [Candidate(Mark(index)) for index in found]


@dataclass(slots=True)
class EventsOfDepth:
    """Events of a depth, some blocks at a time."""

    depth: int
    left: range
    passed: Mark | None = None

    @property
    def ended(self) -> bool:
        return not self.left

    async def take(self, ground: Ground, count: int) -> list[Candidate]:
        found: list[int] = []
        while self.left and not found:
            found, self.left = await ground.jumps.of_depth(self.depth, self.left, ground.direction)
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
    passed: Mark | None = None
    _numbers: tuple[int, list[int]] | None = None

    @property
    def ended(self) -> bool:
        return self.after >= self.last

    async def take(self, ground: Ground, count: int) -> list[Candidate]:
        found: list[Touched] = []
        while not self.ended and not found:
            found = await self._page(ground, count)
            if self.only_snapshots:
                found = [one for one in found if one.is_snapshot]
        return [Candidate(one.mark, one.version) for one in found]

    async def _page(self, ground: Ground, count: int) -> list[Touched]:
        """Of one of the two parts: where the index does not reach, and where it does."""
        if self.paths is None or () in self.paths:
            numbers, first, last = None, self.after, self.last
        else:
            bare = max(min(ground.timeline.indexed_from - 1, self.last), self.after)
            is_bare = bare > self.after if ground.is_ahead else bare == self.last
            first, last = (self.after, bare) if is_bare else (bare, self.last)
            numbers = None if is_bare else await self._path_numbers(ground)
        found = await ground.jumps.touching(numbers, first, last, ground.direction, count)
        reached = found[-1].version if len(found) == count else None
        if ground.is_ahead:
            self.after = last if reached is None else reached
        else:
            self.last = first if reached is None else reached - 1
        return found

    async def _path_numbers(self, ground: Ground) -> list[int]:
        known, agent_id = self._numbers, ground.timeline.agent_id
        if known is None or known[0] != agent_id:
            known = (agent_id, await ground.jumps.path_numbers(self.paths or ()))
            self._numbers = known
        return known[1]


@dataclass(slots=True)
class Some:
    """A few that are known from the start."""

    left: list[Candidate]
    passed: Mark | None = None

    @property
    def ended(self) -> bool:
        return not self.left

    async def take(self, ground: Ground, count: int) -> list[Candidate]:
        taken, self.left = self.left, []
        return in_order(taken, ground.direction)


def in_order(some: Iterable[Candidate], direction: Direction) -> list[Candidate]:
    """In order, each record once, with its version where anybody knows it."""
    known: dict[Mark, Candidate] = {}
    for one in some:
        if one.version is not None or one.mark not in known:
            known[one.mark] = one
    return [known[mark] for mark in sorted(known, reverse=direction == "backward")]


def behind(left: range, index: int, ground: Ground) -> range:
    """What is left of a range once an event was passed."""
    return range(index + 1, left.stop) if ground.is_ahead else range(left.start, index)
