"""Comparisons that what came before them makes unlikely.

By size: how much changed, as the logarithm of its weight, since changes differ by factors. Against
the median of the comparisons before it, in units of their median deviation, so that an earlier
outlier hides no later one; a deviation that is nearly none counts as a fixed small one. It stands
out where hardly any of them was as large, or as small.

By path: how surprising it is that something changed there, in bits. A place that changed in c of n
comparisons has a chance of (c + 1/2) / (n + 1). One that never changed has that of a comparison
with any new place, so where new ones come all the time (a list of messages that grows) one more
surprises nobody. Elements of a list are one place. A surprise stands out where hardly any
comparison before had as large a one.
"""

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import log2
from statistics import median
from typing import Any, Final, Literal

# How many comparisons a size is set against: what was usual long ago is so no more.
WINDOW: Final = 64
MIN_SIZES: Final = 5
MIN_SCORE: Final = 3.5
_DEVIATION: Final = 1.4826
# In powers of two: a change of less than about 2.3 times the usual is never out of the ordinary.
_LEAST_DEVIATION: Final = 0.35
MIN_SURPRISE: Final = 4.0
# One comparison in so many may have as large a surprise, and one besides.
_RARE: Final = 20
MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison, as far as its neighbours are to be compared with it.

    `weight` is what is not common; `paths` are where it differs, `places` the same with `*` in
    place of indexes.
    """

    changes: int
    weight: int
    similarity: float
    categories: dict[str, int]
    paths: Sequence[str]
    places: Sequence[str]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Which comparison stands out, how far, and why."""

    index: int
    kind: Literal["size", "path"]
    score: float
    reason: str
    path: str | None
    details: dict[str, Any]


def anomalies(compared: Sequence[Compared]) -> list[Anomaly]:
    """What stands out, in order; of very many those that do most."""
    found = [*_by_size(compared), *_by_path(compared)]
    most = nlargest(MOST, found, key=lambda one: one.score)
    return sorted(most, key=lambda one: (one.index, one.kind))


def _by_size(compared: Sequence[Compared]) -> Iterator[Anomaly]:
    before: deque[int] = deque(maxlen=WINDOW)
    for index, one in enumerate(compared):
        if len(before) >= MIN_SIZES:
            score = _deviation([log2(1 + weight) for weight in before], log2(1 + one.weight))
            if abs(score) >= MIN_SCORE and _are_few(
                _as_far(before, one.weight, score), len(before)
            ):
                usual = median(before)
                details = {"weight": one.weight, "usual": usual, "changes": one.changes}
                reason = f"what changed weighs {one.weight}, where {usual:g} is usual"
                yield Anomaly(index, "size", score, reason, None, details)
        before.append(one.weight)


def _deviation(before: Sequence[float], value: float) -> float:
    middle = median(before)
    spread = _DEVIATION * median(abs(each - middle) for each in before)
    return (value - middle) / max(spread, _LEAST_DEVIATION)


def _as_far(before: Iterable[int], weight: int, score: float) -> int:
    """How many sizes lay as far out; those of an agent may have several usual values."""
    return sum(each >= weight if score > 0 else each <= weight for each in before)


def _are_few(count: int, of: int) -> bool:
    return count <= 1 + of // _RARE


@dataclass(slots=True)
class _History:
    """Where something changed so far."""

    comparisons: int = 0
    with_new_places: int = 0
    places: Counter[str] = field(default_factory=Counter)
    surprises: list[float] = field(default_factory=list)

    def surprise(self, place: str) -> float:
        """Of a change at a place, in bits."""
        seen = self.places[place] or self.with_new_places
        return -log2((seen + 0.5) / (self.comparisons + 1))

    def is_rare(self, surprise: float) -> bool:
        """Whether hardly any comparison had about as large a surprise."""
        # The same event surprises a little more the longer the history is.
        about = bisect_left(self.surprises, surprise - 1)
        return _are_few(len(self.surprises) - about, self.comparisons)

    def add(self, places: Sequence[str], surprise: float) -> None:
        """One more comparison."""
        # To the first comparison every place is new, which says nothing.
        is_new = self.comparisons and any(place not in self.places for place in places)
        self.comparisons += 1
        self.with_new_places += bool(is_new)
        self.places.update(places)
        insort(self.surprises, surprise)


def _by_path(compared: Sequence[Compared]) -> Iterator[Anomaly]:
    history = _History()
    for index, one in enumerate(compared):
        surprises = {place: history.surprise(place) for place in one.places}
        place = max(surprises, key=surprises.__getitem__, default="")
        surprise = surprises.get(place, 0.0)
        if surprise >= MIN_SURPRISE and history.is_rare(surprise):
            yield _surprising(index, place, surprise, history, surprises)
        history.add(one.places, surprise)


def _surprising(
    index: int, place: str, surprise: float, history: _History, surprises: dict[str, float]
) -> Anomaly:
    seen, of = history.places[place], history.comparisons
    name = place or "the root"
    reason = f"{name} changed, for the first time in {of + 1} comparisons"
    if seen:
        reason = f"{name} changed, which it did in {seen} of the {of} comparisons before"
    others = [each for each, bits in surprises.items() if bits == surprise and each != place]
    details = {"seen": seen, "comparisons": of, "others": others[:20]}
    return Anomaly(index, "path", surprise, reason, place, details)
