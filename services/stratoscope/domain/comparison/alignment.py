"""Two runs side by side, event by event, where one may have events that the other has not.

As long as fingerprints are the same, the runs go together. Where they differ, the next place is
looked for at which they go together again: the one that leaves out the fewest events of both, and
behind which a few in a row are the same, since single events repeat. It is looked for in a window,
so runs of any length are aligned piece by piece, with little of them in memory; where none is found
within it, the runs have parted for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

WINDOW: Final = 256
# So many events have to be the same for runs to go together again.
ANCHOR: Final = 3

Prints = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Together:
    """So many events from here on are the same."""

    a: int
    b: int
    count: int


@dataclass(frozen=True, slots=True)
class Apart:
    """Events from here on that have no like in the other run; for good where there is no end."""

    a: int
    b: int
    a_count: int
    b_count: int
    for_good: bool = False


@dataclass(slots=True)
class Run:
    """The fingerprints of a run that are known so far."""

    prints: list[bytes] = field(default_factory=list)
    is_whole: bool = False
    at: int = 0

    def add(self, prints: Prints, *, is_whole: bool) -> None:
        """What comes next; whether it is the last."""
        self.prints += prints
        self.is_whole = is_whole

    @property
    def left(self) -> int:
        """How many are known beyond where the alignment stands."""
        return len(self.prints) - self.at

    @property
    def needs_more(self) -> bool:
        """Whether more of it has to be known to look for a place to go on."""
        return not self.is_whole and self.left < WINDOW

    @property
    def window(self) -> list[bytes]:
        """What is looked at."""
        return self.prints[self.at : self.at + WINDOW]

    @property
    def ends_in_window(self) -> bool:
        """Whether nothing comes behind the window."""
        return self.is_whole and self.left <= WINDOW


def advance(a: Run, b: Run) -> Together | Apart | None:
    """The next stretch of two runs; None where more of them has to be known, or nothing is left."""
    count = _alike(a.prints, a.at, b.prints, b.at)
    if count:
        found = Together(a.at, b.at, count)
        a.at, b.at = a.at + count, b.at + count
        return found
    if a.needs_more or b.needs_more or not (a.left or b.left):
        return None
    apart = _apart(a, b)
    a.at, b.at = a.at + apart.a_count, b.at + apart.b_count
    return apart


def _apart(a: Run, b: Run) -> Apart:
    ours, theirs = a.window, b.window
    for skipped in range(1, len(ours) + len(theirs) + 1):
        for first in _shares(skipped, len(ours), len(theirs)):
            second = skipped - first
            count = _alike(ours, first, theirs, second, ANCHOR)
            ended = (
                (a.ends_in_window and first + count == len(ours)),
                (b.ends_in_window and second + count == len(theirs)),
            )
            # At the end of a run fewer have to do.
            if count == ANCHOR or all(ended) or (count and any(ended)):
                return Apart(a.at, b.at, first, second)
    return Apart(a.at, b.at, a.left, b.left, for_good=True)


def _shares(skipped: int, most_first: int, most_second: int) -> Sequence[int]:
    """How many of so many are of the first run: about half of them first of all."""
    shares = range(max(0, skipped - most_second), min(skipped, most_first) + 1)
    return sorted(shares, key=lambda first: abs(skipped - 2 * first))


def _alike(a: Prints, at: int, b: Prints, bt: int, most: int | None = None) -> int:
    """How many are the same from two places on."""
    left = min(len(a) - at, len(b) - bt)
    left = left if most is None else min(left, most)
    count, step = 0, 1
    # Slices are compared in C: ever longer ones, and shorter ones again where they differ.
    while count < left and step:
        step = min(step, left - count)
        if a[at + count : at + count + step] == b[bt + count : bt + count + step]:
            count += step
            step *= 2
        else:
            step //= 2
    return count
