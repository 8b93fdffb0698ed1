"""The states of two runs beside each other: which pairs of them have to be looked at.

Each state version has the hash of its document, so that most pairs are known to be equal, or to be
the same as a pair before them, without a look at what they hold.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from stratoscope.domain.canonical import digest
from stratoscope.domain.comparison.alignment import Together
from stratoscope.domain.delta import Slotted

_NOTHING: Final = digest(b"{}")


class StateAfter(NamedTuple):
    """A state version, the event that it belongs to, and the hash of its document."""

    version: int
    event_index: int
    slot: int
    size: int
    digest: bytes

    @property
    def at(self) -> Slotted:
        """What it takes to rebuild it."""
        return Slotted(self.version, self.slot)


@dataclass(slots=True)
class States:
    """The states of a run whose first event is `first`: those to come, and the one in force."""

    first: int
    now: StateAfter | None = None
    is_whole: bool = False
    coming: deque[StateAfter] = field(default_factory=deque)

    def add(self, states: Iterable[StateAfter], *, is_whole: bool) -> None:
        """What comes next; whether it is the last."""
        self.coming.extend(states)
        self.is_whole = is_whole

    def reaches(self, place: int) -> bool:
        """Whether all states up to an event are known; places count from the first event."""
        return self.is_whole or (bool(self.coming) and self._place(self.coming[-1]) > place)

    def changes(self, start: int, count: int) -> set[int]:
        """At which of so many events the state was set, counted from the first of them."""
        offsets = (self._place(one) - start for one in self.coming)
        return {offset for offset in offsets if 0 <= offset < count}

    def pass_over(self, place: int) -> None:
        """Stand after an event."""
        while self.coming and self._place(self.coming[0]) <= place:
            self.now = self.coming.popleft()

    @property
    def digest(self) -> bytes:
        """Of the state in force."""
        return self.now.digest if self.now else _NOTHING

    def _place(self, state: StateAfter) -> int:
        return state.event_index - self.first


class Pair(NamedTuple):
    """Two states that may differ, and how many aligned events stand before them."""

    offset: int
    a: StateAfter | None
    b: StateAfter | None
    hashes: tuple[bytes, bytes]


def suspects(
    together: Together, a: States, b: States, equal: set[tuple[bytes, bytes]]
) -> Iterator[Pair]:
    """Pairs of a stretch that may differ: before its first event, then wherever a state was set.

    `equal` has the hashes of pairs that were looked at.
    """
    seen = set(equal)
    changes = a.changes(together.a, together.count) | b.changes(together.b, together.count)
    for offset in (-1, *sorted(changes)):
        a.pass_over(together.a + offset)
        b.pass_over(together.b + offset)
        hashes = (a.digest, b.digest)
        if hashes[0] != hashes[1] and hashes not in seen:
            seen.add(hashes)
            yield Pair(offset + 1, a.now, b.now, hashes)
