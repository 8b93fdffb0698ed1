"""Where in a timeline somebody wants to stand.

A timeline is a row of events and a row of state versions, both in the log's order. Standing
somewhere is to have passed so many of each: `Stand`. What a request names is turned into a target:
a stand that is known without looking, a bound that both rows are searched for, or a record whose
place must be looked up first. Every bound is monotone along both rows (clocks are running maxima,
places grow), so it always cuts off a prefix and is found by halving.

Where retention dropped the beginning, what is kept begins at a horizon: a stand before it is out of
bounds, and the error names it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never
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
from stratoscope_contracts.words import render_time

MAX_STREAM_SEQ = 2**63 - 1
_MAX_ORDINAL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Horizon:
    """Where a timeline begins that has lost its beginning: the first position that is kept."""

    event_index: int
    stream_seq: int
    clock: datetime
    recorded_at: datetime

    def told(self) -> dict[str, Any]:
        """The horizon as an error or a reply says it."""
        return {
            "event_index": self.event_index,
            "stream_seq": self.stream_seq,
            "occurred_at": render_time(self.clock),
            "recorded_at": render_time(self.recorded_at),
        }


@dataclass(frozen=True, slots=True)
class Extent:
    """How many events and state versions a timeline has had, and from where on it still has them.

    `first` is the first position; versions can be read from `first_version` on, and have a
    position from `first_shown` on.
    """

    events: int
    versions: int
    first: int = BEFORE_FIRST
    first_version: int = 0
    first_shown: int = 0
    horizon: Horizon | None = None

    @property
    def last_event(self) -> int:
        """The newest event's index, -1 where there is none."""
        return self.events - 1

    def keeps(self, stand: "Stand") -> bool:
        """Whether a stand is at or behind the horizon."""
        return stand.event_index >= self.first and (
            not self.first_version or stand.version >= self.first_version
        )


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


def beginning(extent: Extent) -> Stand:
    """Before everything that is kept: what a list starts behind."""
    return Stand(max(extent.first, 0) - 1, extent.first_shown - 1)


def end(extent: Extent) -> Stand:
    """After everything there is."""
    return Stand(extent.last_event, extent.versions - 1)


def after_index(index: int, extent: Extent) -> Target:
    """After an event and all that belongs to it."""
    if not extent.first <= index <= extent.last_event:
        raise outside("index", index, extent)
    # Nothing stands behind the last event but what belongs to it.
    return end(extent) if index == extent.last_event else UpTo(event_index=index)


def outside(
    kind: str, asked: object, extent: Extent, agent: str | None = None
) -> NavigationOutOfBounds:
    """The error for a place outside the timeline, with its horizon, where it has one.

    `agent` is named where a request did not name one.
    """
    first, last = extent.first, extent.last_event
    details: dict[str, Any] = {kind: asked, "first": first, "last": last}
    if agent is not None:
        details["agent"] = agent
    said = f"{asked} is outside {first} to {last}"
    if extent.horizon is not None:
        details["horizon"] = extent.horizon.told()
        said = (
            f"{asked} is outside what is kept, events {first} to {last}: retention dropped all"
            f" before event {first}, of {render_time(extent.horizon.clock)}"
        )
    return NavigationOutOfBounds(said, details)


def dropped(extent: Extent) -> tuple[str, dict[str, Any]]:
    """What to say, beside that an id is not there, where it may have been dropped."""
    if extent.horizon is None:
        return "", {}
    before = max(extent.first, 0)
    return (
        f"; records before event {before} were dropped by retention",
        {"horizon": extent.horizon.told()},
    )


def asked_for(up_to: UpTo) -> tuple[str, object]:
    """What a bound is called in an error."""
    if up_to.event_index is not None:
        return "index", up_to.event_index
    if up_to.place is not None:
        return "stream_seq", up_to.place.stream_seq
    moment = up_to.clock or up_to.recorded_at
    return "time", None if moment is None else render_time(moment)
