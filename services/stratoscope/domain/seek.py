"""Where in a timeline somebody wants to stand.

A timeline is a row of events and a row of state versions, both in the log's order. Standing
somewhere is to have passed so many of each: `Stand`. What a request names is turned into a target:
a stand that is known without looking, a bound that both rows are searched for, or a record whose
place must be looked up first. Every bound is monotone along both rows (clocks are running maxima,
places grow), so it always cuts off a prefix and is found by halving.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from stratoscope.domain.timeline import BEFORE_FIRST, Place
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.views import (
    At,
    AtEvent,
    AtEventIndex,
    AtLatest,
    AtSnapshot,
    AtStreamSeq,
    AtTime,
)

MAX_STREAM_SEQ = 2**63 - 1
_MAX_ORDINAL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Extent:
    """How many events and state versions a timeline has."""

    events: int
    versions: int

    @property
    def last_event(self) -> int:
        """The newest event's index, -1 where there is none."""
        return self.events - 1


@dataclass(frozen=True, slots=True)
class Stand:
    """After this event and this state version; -1 is before the first.

    `until` is the last message that belongs to the stand where that is known to be before the next
    record: what went wrong after it is none of the stand's.
    """

    event_index: int
    version: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class UpTo:
    """After the last record at which every bound that is given holds."""

    event_index: int | None = None
    clock: datetime | None = None
    recorded_at: datetime | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class AfterEvent:
    """After the event with an id, and all that belongs to it."""

    event_id: UUID


@dataclass(frozen=True, slots=True)
class AfterSnapshot:
    """Right after the snapshot with an id."""

    snapshot_id: UUID


Target = Stand | UpTo | AfterEvent | AfterSnapshot


def plan(at: At, extent: Extent) -> Target:
    """What to look for. Raises NavigationOutOfBounds for an index outside the timeline."""
    match at:
        case AtLatest():
            return end(extent)
        case AtEventIndex():
            return after_index(at.event_index, extent)
        case AtTime():
            return UpTo(clock=at.time) if at.clock == "occurred" else UpTo(recorded_at=at.time)
        case AtStreamSeq():
            return UpTo(place=Place(min(at.stream_seq, MAX_STREAM_SEQ), _MAX_ORDINAL))
        case AtEvent():
            return AfterEvent(at.event_id)
        case AtSnapshot():
            return AfterSnapshot(at.snapshot_id)
        case _:
            assert_never(at)


def end(extent: Extent) -> Stand:
    """After everything there is."""
    return Stand(extent.last_event, extent.versions - 1)


def after_index(index: int, extent: Extent) -> Target:
    """After an event and all that belongs to it."""
    if not BEFORE_FIRST <= index <= extent.last_event:
        raise NavigationOutOfBounds.at(index, BEFORE_FIRST, extent.last_event)
    # Nothing stands behind the last event but what belongs to it.
    return end(extent) if index == extent.last_event else UpTo(event_index=index)
