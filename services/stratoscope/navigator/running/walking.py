"""One group of conditions on its way through a stretch: a page at a time."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from stratoscope.domain.conditions.marks import Mark, Stretch
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.running.candidates import Candidates, candidates_of
from stratoscope.navigator.running.evaluating import CantJudge, Evaluation, TooLate
from stratoscope.navigator.running.groups import Found, Group, hits_in
from stratoscope.navigator.running.looking import Looking, Page, index_of
from stratoscope.navigator.running.streams import Candidate, Ground
from stratoscope.navigator.threads import work_on
from stratoscope_contracts.looking import Direction

# A database session, for a page.
Readings = Callable[[], AbstractAsyncContextManager[Reading]]

# Verdicts of a page, where many conditions are sought at once.
_VERDICTS: Final = 100_000
# Bytes that a thread is worth it for, had each verdict so many.
_BYTES_A_VERDICT: Final = 64


class CutShort(Exception):
    """A run ends before its end: its time is over, or a record can't be judged.

    `reached` is the last record up to which nothing was missed, if any; `stopped_at` the one at
    which an expression takes too long, or runs a macro over too much.
    """

    def __init__(self, reached: Mark | None, stopped_at: Mark | None = None) -> None:
        super().__init__(reached, stopped_at)
        self.reached = reached
        self.stopped_at = stopped_at


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is looked at in one go: little at first, since mostly one of the first is it.

    Windows are for conditions that are judged in several ways, and so run side by side.
    """

    candidates: int = 16
    growth: int = 4
    most: int = 1024
    window: int = 512
    window_growth: int = 8


class Walk:
    """A group's way through a stretch of an agent's timeline."""

    def __init__(
        self,
        agent: str,
        direction: Direction,
        group: Group,
        stretch: Stretch,
        evaluation: Evaluation,
        pace: Pace,
    ) -> None:
        self._agent = agent
        self._direction = direction
        self._group = group
        self._stretch = stretch
        self._evaluation = evaluation
        self._growth = pace.growth
        self._most = max(1, min(pace.most, _VERDICTS // len(group.members)))
        self._size = min(pace.candidates, self._most)
        self._candidates: Candidates | None = None
        self.reached: Mark | None = None

    @property
    def ended(self) -> bool:
        """Whether all of the stretch was gone through."""
        return self._candidates is not None and self._candidates.ended

    async def step(self, readings: Readings) -> list[Found]:
        """The hits of the next page, in order. Raises CutShort."""
        async with readings() as reading:
            # Looked up each time: in a projection that was swapped in it has another number.
            timeline = await reading.timeline(self._agent)
            ground = Ground(reading, timeline, self._direction, self._evaluation.deadline)
            candidates = await self._known_candidates(ground)
            batch = await candidates.take(ground, self._size)
            page = await Looking(ground, self._group.wants).page(batch) if batch else None
        if page is None:
            self.reached = candidates.passed or self.reached
            return []
        found = await self._judged(page)
        self._passed(candidates, batch, page)
        return found

    async def _judged(self, page: Page) -> list[Found]:
        try:
            truths = await self._evaluation.truths(self._group, page)
        except CantJudge as error:
            raise CutShort(self._beside(error.mark), error.mark) from error
        except TooLate as error:
            raise CutShort(self.reached) from error
        work = sum(map(len, page.states.values()))
        work += len(page.records) * len(self._group.members) * _BYTES_A_VERDICT
        return await work_on(work, hits_in, self._group, page, truths)

    def _beside(self, mark: Mark) -> Mark | None:
        """The last event that was passed before the first record of a page."""
        index = mark.event_index
        ahead = self._direction == "forward"
        near = Mark(index - mark.is_event if ahead else index + 1)
        return near if self._stretch.holds(near) else self.reached

    def _passed(self, candidates: Candidates, batch: Sequence[Candidate], page: Page) -> None:
        if page.rest is not None:
            candidates.put_back(batch[index_of(batch, page.rest) :])
        if page.records:
            self.reached = page.records[-1].mark
        self._size = min(self._size * self._growth, self._most)

    async def _known_candidates(self, ground: Ground) -> Candidates:
        if self._candidates is None:
            self._candidates = await candidates_of(
                ground,
                self._group.sources,
                self._stretch,
                of_snapshots=self._group.judged != "event",
            )
        return self._candidates
