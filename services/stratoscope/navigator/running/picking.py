"""Events at which an expression holds: all of a timeline, page by page, as fast as that can go.

The database writes what the expression sees of a page of events as one text, which goes as it is to
who evaluates; of each event this process sees no more than a letter. While one page is evaluated,
the next is read.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from stratoscope.domain.conditions.marks import Mark
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.paths import Segments
from stratoscope.navigator.expressions.evaluating import Expressions, Sheet, Verdict
from stratoscope.navigator.running.reads import (
    EVENT_BYTES,
    NO_VERSION,
    STATE_BYTES,
    is_many,
    rebuilt,
    touched,
)
from stratoscope.navigator.running.streams import Candidate, Ground, behind
from stratoscope.store.jumps import Version

_FIRST_PAGE: Final = 256
_GROWTH: Final = 4
_LARGEST_PAGE: Final = 4096
# How long a database session is held at most, and one evaluation may take.
_SLICE_SECONDS: Final = 0.5
_BATCH_SECONDS: Final = 0.75


@dataclass(frozen=True, slots=True)
class _Page:
    """Some events, and what is evaluated of them: None where that is not worth it."""

    indexes: Sequence[int]
    sheet: Sheet | None
    # What was left before it was read.
    before: range


@dataclass(frozen=True, slots=True)
class _Shown:
    """Versions in order, and the events from which on each but the first is in force.

    Without `turns` no state is looked at.
    """

    versions: Sequence[int] = (NO_VERSION,)
    turns: Sequence[int] | None = None
    known: Mapping[int, Version] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of their states."""
        return sum(self.known[each].size for each in self.versions if each != NO_VERSION)


@dataclass(slots=True)
class EventsWhere:
    """Events where an expression holds, or can't be judged; of some types where it names them."""

    expression: Expression
    keys: frozenset[str]
    expressions: Expressions
    types: frozenset[str] | None
    left: range
    passed: Mark | None = None
    _size: int = _FIRST_PAGE
    _paths: frozenset[Segments] = field(init=False)

    def __post_init__(self) -> None:
        paths = self.expression.paths
        self._paths = frozenset(path[1:] for path in paths if path[0] == "state")

    @property
    def ended(self) -> bool:
        return not self.left

    async def take(self, ground: Ground, count: int) -> list[Candidate]:
        until = min(monotonic() + _SLICE_SECONDS, ground.deadline)
        found: list[int] = []
        page = await self._read(ground)
        while page is not None and not found:
            goes_on = monotonic() < until and self._size == _LARGEST_PAGE
            following = asyncio.create_task(self._read(ground)) if goes_on else None
            try:
                verdicts = await self._judged(page)
            finally:
                following_page = await _ended(following)
            found = [
                index
                for index, letter in zip(page.indexes, verdicts, strict=False)
                if letter != Verdict.FAILS
            ]
            self.passed = Mark(page.indexes[len(verdicts) - 1])
            if found or len(verdicts) < len(page.indexes):
                # What was read ahead is read again, behind the last event that was judged.
                self.left = behind(page.before, self.passed.event_index, ground)
                break
            page = following_page
        return [Candidate(Mark(index)) for index in found]

    async def _judged(self, page: _Page) -> str:
        if page.sheet is None:
            return Verdict.HOLDS * len(page.indexes)
        return await self.expressions.evaluate_sheet(
            self.expression, page.sheet, len(page.indexes), _BATCH_SECONDS
        )

    async def _read(self, ground: Ground) -> _Page | None:
        """The next page, and what is behind it left."""
        before = self.left
        indexes = await self._indexes(ground)
        if not indexes:
            self.left = range(0)
            return None
        shown = await self._shown(ground, indexes)
        while shown is not None and shown.size > STATE_BYTES and len(indexes) > 1:
            indexes = indexes[: len(indexes) // 2]
            shown = await self._shown(ground, indexes)
        sheet: Sheet | None = None
        if shown is not None:
            spelled = await ground.jumps.documents(
                indexes, shown.turns, self.keys, ground.direction, EVENT_BYTES
            )
            indexes = spelled.indexes or indexes
            texts = await rebuilt(ground, shown.known, shown.versions)
            sheet = Sheet(spelled.documents, [texts[each] for each in shown.versions])
            sheet = sheet if spelled.indexes else None
        self.left = behind(before, indexes[-1], ground)
        self._size = min(self._size * _GROWTH, _LARGEST_PAGE)
        return _Page(indexes, sheet, before)

    async def _indexes(self, ground: Ground) -> Sequence[int]:
        if self.types is not None:
            if not self.left:
                return []
            return await ground.jumps.of_types(self.types, self.left, ground.direction, self._size)
        return self.left[: self._size] if ground.is_ahead else self.left[-self._size :][::-1]

    async def _shown(self, ground: Ground, indexes: Sequence[int]) -> _Shown | None:
        """The states around some events; None where they are too many, or gone."""
        if not self._paths:
            return _Shown()
        low, high = min(indexes), max(indexes)
        timeline, jumps = ground.timeline, ground.jumps
        first, last = await jumps.last_versions([low - 1, high], timeline.versions)
        if first < timeline.first_version and timeline.first_version:
            return None
        found = await touched(ground, self._paths, first, last)
        if is_many(last - first if found is None else len(found), len(indexes)):
            return None
        turning = range(first + 1, last + 1) if found is None else found
        known = await jumps.versions([*turning, *([first] if first != NO_VERSION else [])])
        turns = _turns([known[each] for each in turning], low, high)
        begins = turns.pop(low, first)
        return _Shown([begins, *(turns[each] for each in sorted(turns))], sorted(turns), known)


def _turns(versions: Sequence[Version], low: int, high: int) -> dict[int, int]:
    """Which version is in force from which event of some on: a patch's own, a snapshot's next."""
    found: dict[int, int] = {}
    for one in versions:
        index = one.event_index + one.is_snapshot
        if index <= high:
            found[max(index, low)] = one.version
    return found


async def _ended(reading: asyncio.Task[_Page | None] | None) -> _Page | None:
    """What was read ahead; the session is free of it in any case."""
    return None if reading is None else await reading
