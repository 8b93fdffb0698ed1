"""What an `At` asks to look for."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from stratoscope.domain.seek import (
    AfterEvent,
    AfterSnapshot,
    Extent,
    Horizon,
    Stand,
    UpTo,
    after_index,
    asked_for,
    beginning,
    dropped,
    end,
    outside,
    plan,
)
from stratoscope.domain.timeline import Place
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.views import (
    AtEvent,
    AtEventIndex,
    AtLatest,
    AtSnapshot,
    AtStreamSeq,
    AtTime,
)
from stratoscope_contracts.words import MAX_NUMBER

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ID = UUID(int=7)
FIVE = Extent(events=5, versions=3)


@pytest.mark.parametrize(
    ("at", "target"),
    [
        (AtLatest(latest=True), Stand(4, 2)),
        (AtEventIndex(event_index=2), UpTo(event_index=2)),
        (AtEventIndex(event_index=-1), UpTo(event_index=-1)),
        (AtTime(time=NOW), UpTo(clock=NOW)),
        (AtTime(time=NOW, clock="recorded"), UpTo(recorded_at=NOW)),
        (AtStreamSeq(stream_seq=9), UpTo(place=Place(9, 2**31 - 1))),
        (AtStreamSeq(stream_seq=MAX_NUMBER), UpTo(place=Place(MAX_NUMBER, 2**31 - 1))),
        (AtEvent(event_id=ID), AfterEvent(ID)),
        (AtSnapshot(snapshot_id=ID), AfterSnapshot(ID)),
    ],
)
def test_each_at_has_its_target(at, target):
    assert plan(at, FIVE) == target


def test_the_last_event_is_the_end():
    assert after_index(4, FIVE) == end(FIVE) == Stand(4, 2)


def test_an_empty_timeline_ends_before_the_first_event():
    assert after_index(-1, Extent(0, 0)) == Stand(-1, -1)
    assert after_index(-1, Extent(0, 2)) == Stand(-1, 1)


@pytest.mark.parametrize("index", [-2, 5, 2**70])
def test_an_index_outside_is_out_of_bounds(index):
    with pytest.raises(NavigationOutOfBounds) as refused:
        after_index(index, FIVE)
    assert refused.value.details == {"index": index, "first": -1, "last": 4}


HORIZON = Horizon(10, 400, NOW, NOW)
SHORTENED = Extent(50, 30, first=10, first_version=8, first_shown=9, horizon=HORIZON)
TOLD = {
    "event_index": 10,
    "stream_seq": 400,
    "occurred_at": "2026-11-23T00:00:00.000000Z",
    "recorded_at": "2026-11-23T00:00:00.000000Z",
}


@pytest.mark.parametrize("index", [-1, 0, 9])
def test_an_index_before_the_horizon_is_answered_with_it(index: int) -> None:
    with pytest.raises(NavigationOutOfBounds, match="before event 10, of 2026") as caught:
        after_index(index, SHORTENED)
    assert caught.value.details == {"index": index, "first": 10, "last": 49, "horizon": TOLD}


def test_an_agent_is_named_where_the_request_named_none() -> None:
    error = outside("stream_seq", 1, SHORTENED, "explorer")
    assert error.details["agent"] == "explorer"


def test_the_horizon_itself_is_kept() -> None:
    assert after_index(10, SHORTENED) == UpTo(event_index=10)


@pytest.mark.parametrize(
    ("stand", "kept"),
    [(Stand(10, 8), True), (Stand(10, 7), False), (Stand(9, 8), False), (Stand(49, 29), True)],
)
def test_a_stand_needs_both_its_event_and_its_state(stand: Stand, kept: bool) -> None:
    assert SHORTENED.keeps(stand) == kept


def test_before_any_state_is_a_stand_as_long_as_all_are_kept() -> None:
    assert FIVE.keeps(Stand(-1, -1))


def test_a_list_begins_behind_what_was_dropped() -> None:
    assert beginning(SHORTENED) == Stand(9, 8)
    assert beginning(FIVE) == Stand(-1, -1)


def test_an_id_that_is_not_there_may_have_been_dropped() -> None:
    assert dropped(FIVE) == ("", {})
    why, details = dropped(SHORTENED)
    assert "before event 10 were dropped by retention" in why
    assert details == {"horizon": TOLD}


@pytest.mark.parametrize(
    ("bound", "named"),
    [
        (UpTo(event_index=3), ("index", 3)),
        (UpTo(place=Place(7, 0)), ("stream_seq", 7)),
        (UpTo(clock=NOW), ("time", "2026-11-23T00:00:00.000000Z")),
        (UpTo(recorded_at=NOW), ("time", "2026-11-23T00:00:00.000000Z")),
        (UpTo(), ("time", None)),
    ],
)
def test_a_bound_is_named_by_what_was_asked_for(bound: UpTo, named: tuple[str, object]) -> None:
    assert asked_for(bound) == named
