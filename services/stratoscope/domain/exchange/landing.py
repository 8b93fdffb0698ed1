"""Where the places of an export have come to in a new timeline.

Records are passed in their order, each with its old place and its new one. A place lands after the
last record that stood at or before it; one that stood before all of them lands before the first.
"""

from collections.abc import Iterable
from typing import NamedTuple

from stratoscope.domain.timeline import BEFORE_FIRST, Place


class Landed(NamedTuple):
    """After an event and a record of the new timeline."""

    event_index: int
    place: Place | None


BEFORE_ALL = Landed(BEFORE_FIRST, None)


class Landing:
    """Places that wait for where they land."""

    def __init__(self, wanted: Iterable[Place]) -> None:
        self._waiting = sorted(set(wanted), reverse=True)
        self._landed: dict[Place, Landed] = {}
        self._last = BEFORE_ALL

    def passed(self, old: Place, new: Landed) -> None:
        """A record stood there and stands here."""
        while self._waiting and self._waiting[-1] < old:
            self._landed[self._waiting.pop()] = self._last
        self._last = new

    def of(self, place: Place | None) -> Landed:
        """Where a wanted place has landed, once all records are passed."""
        return BEFORE_ALL if place is None else self._landed.get(place, self._last)
