"""Whether a series rises or falls, by the test of Mann and Kendall.

Each value is compared with every one before it: S is how many pairs rise less how many fall. For a
series in no order S is normal about 0, with a variance that shrinks with ties; so the chance that
such a series shows an S this far from 0 says whether there is a trend. It asks nothing of the
values but an order: one outlier is one value, and a rise need not be a line.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Final, Literal

# The normal distribution fits from about here on.
MIN_POINTS: Final = 8
SIGNIFICANT: Final = 0.05

Direction = Literal["increasing", "decreasing", "stable", "unknown"]


@dataclass(frozen=True, slots=True)
class Trend:
    """A direction; the chance that there is none, and Kendall's tau-b, where it is known."""

    direction: Direction
    p_value: float | None = None
    tau: float | None = None


def trend(values: Sequence[float]) -> Trend:
    """The trend of values that stand in the order of time."""
    count = len(values)
    if count < MIN_POINTS:
        return Trend("unknown")
    ties = [tied for tied in Counter(values).values() if tied > 1]
    variance = (_spread(count) - sum(map(_spread, ties))) / 18
    if not variance:
        return Trend("stable", 1.0, 0.0)
    rising = _rising(values)
    pairs = count * (count - 1) / 2
    tied_pairs = sum(tied * (tied - 1) / 2 for tied in ties)
    tau = rising / sqrt(pairs * (pairs - tied_pairs))
    # S moves by two at a time, so a step of one is taken off.
    p_value = erfc(max(0, abs(rising) - 1) / sqrt(2 * variance))
    if p_value >= SIGNIFICANT:
        return Trend("stable", p_value, tau)
    return Trend("increasing" if rising > 0 else "decreasing", p_value, tau)


def _spread(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def _rising(values: Sequence[float]) -> int:
    """S: pairs that rise less pairs that fall."""
    before: list[float] = []
    total = 0
    for value in values:
        total += bisect_left(before, value) - (len(before) - bisect_right(before, value))
        insort(before, value)
    return total
