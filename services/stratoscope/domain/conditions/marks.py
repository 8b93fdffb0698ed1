"""Records in their order, without looking up where in the log they stand.

A snapshot belongs behind the event before it, so a pair orders all records of a timeline: the event
index, and the version of a snapshot or -1 for the event itself. An event's patch is part of it.
"""

from typing import NamedTuple

from stratoscope.domain.seek import Extent, beginning
from stratoscope.domain.timeline import BEFORE_FIRST
from stratoscope_contracts.looking import Direction

_EVENT = -1


class Mark(NamedTuple):
    """A record: an event by its index, or a snapshot by its version, behind an event."""

    event_index: int
    version: int = _EVENT

    @property
    def is_event(self) -> bool:
        """Whether it is an event, and no snapshot."""
        return self.version == _EVENT


NOWHERE = Mark(BEFORE_FIRST)


class Stretch(NamedTuple):
    """Records between two marks that are not part of it, and among which versions they are.

    Versions are those after one, up to and with another; some of them may lie outside.
    """

    after: Mark
    before: Mark
    after_version: int
    last_version: int

    @property
    def events(self) -> range:
        """The indexes of its events."""
        first = self.after.event_index + (self.after.version >= _EVENT)
        return range(max(first, 0), self.before.event_index + (self.before.version > _EVENT))

    def holds(self, mark: Mark) -> bool:
        """Whether a record lies in it."""
        return self.after < mark < self.before

    def up_to(self, mark: Mark, direction: Direction) -> "Stretch":
        """What of it comes no later than a record, going in a direction; the record included."""
        if direction == "forward":
            return self._replace(before=min(self.before, _next(mark)))
        return self._replace(after=max(self.after, _previous(mark)))


def whole(extent: Extent) -> Stretch:
    """All that is kept of a timeline."""
    start = beginning(extent)
    return Stretch(Mark(start.event_index), Mark(extent.events), start.version, extent.versions - 1)


def onward(start: Mark, fence: Mark, start_version: int, fence_version: int) -> Stretch:
    """What lies behind a record, up to and with another."""
    return Stretch(start, _next(fence), start_version, fence_version)


def back(start: Mark, fence: Mark, start_version: int, fence_version: int) -> Stretch:
    """What lies before a record, back to and with another."""
    return Stretch(_previous(fence), start, fence_version - 1, start_version)


def _next(mark: Mark) -> Mark:
    return Mark(mark.event_index, mark.version + 1)


def _previous(mark: Mark) -> Mark:
    return Mark(mark.event_index, mark.version - 1)
