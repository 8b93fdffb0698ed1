"""Where the newest events stand: nearly every cause is among them, and need not be looked up.

It answers as the database would, since of several events with one id in a space it keeps the one
that stands lowest. That is known here because each batch asks the database for the ids of its own
events too. A projector of some partitions only can't know it: others move on beside it.
"""

from collections import deque
from collections.abc import Sequence
from uuid import UUID

from stratoscope.domain.records import Cause, Known

# About 300 bytes each.
MAX_EVENTS = 100_000


class RecentEvents:
    """The causes that the newest batches added; nothing is kept until `begin`."""

    def __init__(self, limit: int = MAX_EVENTS) -> None:
        self.causes: dict[tuple[str, UUID], Cause] = {}
        self._limit = limit
        self._batches: deque[tuple[tuple[str, UUID], ...]] = deque()
        self._begun = False

    def begin(self, in_flight: Sequence[Known]) -> None:
        """Keep what follows, and what is not in the database yet: somebody names causes."""
        if not self._begun:
            self._begun = True
            for known in in_flight:
                self.add(known)

    def add(self, known: Known) -> None:
        """Keep what a batch added."""
        new = known.new_causes
        if not self._begun or not new:
            return
        if self._are_new(known):
            self.causes |= new
        else:
            for key in new:
                lowest = known.cause(key)
                assert lowest is not None
                self.causes[key] = lowest
        self._batches.append(tuple(new))

    def shrink(self, in_flight: int) -> None:
        """Forget the oldest over the limit, except those of so many batches."""
        while len(self.causes) > self._limit and len(self._batches) > in_flight:
            for key in self._batches.popleft():
                self.causes.pop(key, None)

    def _are_new(self, known: Known) -> bool:
        """Whether no event of a batch has the id of an earlier one in its space."""
        new = known.new_causes
        return self.causes.keys().isdisjoint(new) and known.causes.keys().isdisjoint(new)
