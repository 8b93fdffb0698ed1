"""A step through a timeline: from where a session stands to what must be looked for.

By events it counts indexes; by a snapshot it goes to the next one, or back to the one before the
last record passed; by seconds it moves the session's *clock*, which runs on where nothing was
recorded, so that many small steps cross a gap. Forward never goes past the last record (or, on the
clock, past its time); backward stops at the first position that is kept, -1 as long as nothing was
dropped, and from there nowhere.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

from stratoscope.domain.seek import Extent, Target, UpTo, after_index, outside
from stratoscope.domain.timeline import Place
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.looking import Direction
from stratoscope_contracts.sessions import EventsSize, SecondsSize, StepSize

_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Footing:
    """Where a session stands in its timeline: after a record, None before all of them."""

    event_index: int
    place: Place | None
    clock: datetime | None


@dataclass(frozen=True, slots=True)
class Span:
    """A timeline's length, and the clock at its first and last record."""

    extent: Extent
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class NextSnapshot:
    """The first snapshot after a record; none is out of bounds."""

    after: Place | None


@dataclass(frozen=True, slots=True)
class PreviousSnapshot:
    """The last snapshot before a record; where there is none, the first position."""

    before: Place | None


@dataclass(frozen=True, slots=True)
class Move:
    """What to look for; `clock` is the session's own after a step by time."""

    target: Target | NextSnapshot | PreviousSnapshot
    clock: datetime | None = None


def step(direction: Direction, size: StepSize, footing: Footing, span: Span) -> Move:
    """Plan a step. Raises NavigationOutOfBounds where it would leave the timeline."""
    match size:
        case "event":
            return _by_events(direction, 1, footing, span)
        case EventsSize():
            return _by_events(direction, size.events, footing, span)
        case "snapshot":
            return _by_snapshot(direction, footing)
        case SecondsSize():
            return _by_seconds(direction, size.seconds, footing, span)
        case _:
            assert_never(size)


def out_of_bounds(index: int, extent: Extent) -> NavigationOutOfBounds:
    """The error for a step that would leave the timeline."""
    return outside("index", index, extent)


def _by_events(direction: Direction, count: int, footing: Footing, span: Span) -> Move:
    index = footing.event_index
    if direction == "forward":
        return Move(after_index(index + count, span.extent))
    first = span.extent.first
    if index <= first:
        raise out_of_bounds(index - count, span.extent)
    return Move(after_index(max(index - count, first), span.extent))


def _by_snapshot(direction: Direction, footing: Footing) -> Move:
    if direction == "forward":
        return Move(NextSnapshot(footing.place))
    # Standing on a snapshot, the one before it is meant; standing behind it, itself.
    return Move(PreviousSnapshot(footing.place))


def _by_seconds(direction: Direction, seconds: float, footing: Footing, span: Span) -> Move:
    clock = footing.clock or span.first_at
    if direction == "forward":
        target = _moved(clock, seconds)
        if target is None or target > span.last_at:
            raise out_of_bounds(span.extent.events, span.extent)
        return Move(UpTo(clock=target), target)
    extent = span.extent
    if footing.event_index <= extent.first:
        raise out_of_bounds(extent.first - 1, extent)
    target = _moved(clock, -seconds) or _EARLIEST
    if extent.horizon is not None and target < extent.horizon.clock:
        return Move(after_index(extent.first, extent), extent.horizon.clock)
    return Move(UpTo(clock=target), target)


def _moved(clock: datetime, seconds: float) -> datetime | None:
    try:
        return clock + timedelta(seconds=seconds)
    except OverflowError:
        return None
