"""Where a step goes, and where it would leave the timeline."""

from datetime import UTC, datetime, timedelta

import pytest

from stratoscope.domain.seek import Extent, Horizon, Stand, UpTo
from stratoscope.domain.stepping import (
    Footing,
    Move,
    NextSnapshot,
    PreviousSnapshot,
    Span,
    step,
)
from stratoscope.domain.timeline import Place
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.sessions import EventsSize, SecondsSize
from stratoscope_contracts.words import MAX_SECONDS

START = datetime(2026, 11, 23, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


# Five events, three state versions, ten seconds.
SPAN = Span(Extent(5, 3), at(0), at(10))


HERE = Place(7, 1)


def footing(index: int, place: Place | None = HERE, clock: float | None = 4.0):
    return Footing(index, place, None if clock is None else at(clock))


@pytest.mark.parametrize(
    ("direction", "size", "index", "target"),
    [
        ("forward", "event", 1, UpTo(event_index=2)),
        ("forward", "event", -1, UpTo(event_index=0)),
        ("forward", EventsSize(events=3), 1, Stand(4, 2)),
        ("backward", "event", 3, UpTo(event_index=2)),
        ("backward", EventsSize(events=2), 3, UpTo(event_index=1)),
        ("backward", EventsSize(events=100), 3, UpTo(event_index=-1)),
        ("backward", "event", 0, UpTo(event_index=-1)),
    ],
)
def test_steps_by_events_count_indexes(direction, size, index, target):
    assert step(direction, size, footing(index), SPAN) == Move(target)


@pytest.mark.parametrize(
    ("direction", "size", "index", "named"),
    [
        ("forward", "event", 4, 5),
        ("forward", EventsSize(events=4), 1, 5),
        ("backward", "event", -1, -2),
        ("backward", EventsSize(events=3), -1, -4),
        ("forward", SecondsSize(seconds=6.5), 2, 5),
        ("forward", SecondsSize(seconds=MAX_SECONDS), 2, 5),
        ("backward", SecondsSize(seconds=1), -1, -2),
    ],
)
def test_a_step_out_of_the_timeline_is_out_of_bounds(direction, size, index, named):
    with pytest.raises(NavigationOutOfBounds) as refused:
        step(direction, size, footing(index), SPAN)
    assert refused.value.details == {"index": named, "first": -1, "last": 4}


@pytest.mark.parametrize("place", [HERE, None])
def test_steps_by_snapshots_go_on_from_the_record_passed_last(place):
    assert step("forward", "snapshot", footing(2, place), SPAN) == Move(NextSnapshot(place))
    assert step("backward", "snapshot", footing(2, place), SPAN) == Move(PreviousSnapshot(place))


@pytest.mark.parametrize(
    ("direction", "seconds", "clock"),
    [("forward", 6, 10), ("forward", 0.5, 4.5), ("backward", 1.5, 2.5), ("backward", 60, -56)],
)
def test_steps_by_seconds_move_the_clock(direction, seconds, clock):
    move = step(direction, SecondsSize(seconds=seconds), footing(2), SPAN)
    assert move == Move(UpTo(clock=at(clock)), at(clock))


def test_without_a_clock_seconds_count_from_the_first_record():
    move = step("forward", SecondsSize(seconds=1), footing(-1, None, clock=None), SPAN)
    assert move.clock == at(1)


def test_back_past_all_time_is_its_beginning():
    move = step("backward", SecondsSize(seconds=MAX_SECONDS), footing(2), SPAN)
    assert move.clock == datetime.min.replace(tzinfo=UTC)


HORIZON = Horizon(10, 400, at(100), at(100))
SHORTENED = Span(Extent(50, 30, 10, 8, 8, HORIZON), at(100), at(500))


def test_backward_stops_at_the_horizon():
    here = Footing(12, Place(410, 0), at(120))
    assert step("backward", EventsSize(events=9), here, SHORTENED).target == UpTo(event_index=10)
    back = step("backward", SecondsSize(seconds=60), here, SHORTENED)
    assert (back.target, back.clock) == (UpTo(event_index=10), at(100))
    near = step("backward", SecondsSize(seconds=15), here, SHORTENED)
    assert near.target == UpTo(clock=at(105))


def test_from_the_horizon_there_is_no_way_back():
    here = Footing(10, Place(400, 0), at(100))
    for size in (EventsSize(events=1), SecondsSize(seconds=1)):
        with pytest.raises(NavigationOutOfBounds) as caught:
            step("backward", size, here, SHORTENED)
        assert caught.value.details["index"] == 9
        assert caught.value.details["horizon"]["event_index"] == 10
