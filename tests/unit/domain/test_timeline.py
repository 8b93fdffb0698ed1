"""The clock is a running maximum: it never goes back, and no record can drag it far ahead."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.timeline import MAX_AHEAD, Place, is_clamped, is_late, tick

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
seconds = st.integers(-400_000, 400_000)
moments = seconds.map(lambda n: START + timedelta(seconds=n))
runs = st.lists(st.tuples(moments, moments), min_size=1, max_size=30)


def clocks(run: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    found: list[tuple[datetime, datetime]] = []
    clock = recorded_clock = None
    for occurred, recorded in run:
        clock, recorded_clock = tick(clock, recorded_clock, occurred, recorded)
        found.append((clock, recorded_clock))
    return found


@given(runs)
def test_both_clocks_only_go_on(run: list[tuple[datetime, datetime]]):
    found = clocks(run)
    assert found == sorted(found)
    assert [recorded for _, recorded in found] == sorted(recorded for _, recorded in found)


@given(runs)
def test_the_recorded_clock_is_the_running_maximum(run: list[tuple[datetime, datetime]]):
    assert [recorded for _, recorded in clocks(run)] == [
        max(recorded for _, recorded in run[: n + 1]) for n in range(len(run))
    ]


@given(runs)
def test_the_clock_is_never_more_than_a_day_ahead_of_the_brokers(
    run: list[tuple[datetime, datetime]],
):
    assert all(clock - recorded <= MAX_AHEAD for clock, recorded in clocks(run))


@given(runs)
def test_a_record_past_the_clock_is_a_clamped_one_and_no_other(
    run: list[tuple[datetime, datetime]],
):
    for (occurred, _), (clock, recorded_clock) in zip(run, clocks(run), strict=True):
        assert is_clamped(occurred, clock) == (occurred - recorded_clock > MAX_AHEAD)
        assert not (is_clamped(occurred, clock) and is_late(occurred, clock))


def test_a_record_behind_the_clock_is_late():
    clock, _ = tick(START, START, START - timedelta(microseconds=1), START)
    assert clock == START
    assert is_late(START - timedelta(microseconds=1), clock)
    assert not is_late(START, clock)


@pytest.mark.parametrize(
    ("ahead", "counted"),
    [
        (MAX_AHEAD, START + MAX_AHEAD),
        (MAX_AHEAD + timedelta(microseconds=1), START),
        (timedelta(days=300_000), START),
    ],
)
def test_a_time_counts_up_to_a_day_ahead_of_the_brokers(ahead: timedelta, counted: datetime):
    assert tick(None, None, START + ahead, START) == (counted, START)


def test_places_stand_in_the_order_of_the_log():
    assert sorted([Place(2, 0), Place(1, 5), Place(1, 0)]) == [(1, 0), (1, 5), (2, 0)]
