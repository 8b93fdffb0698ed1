"""When a base is due, and up to where it is made."""

from datetime import UTC, datetime, timedelta

from stratoscope.projector.bases import LogFront, Times, times

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
MINUTES = timedelta(minutes=5)
DAY = timedelta(days=1)


def test_a_log_without_an_age_loses_nothing_by_itself():
    assert times(LogFront(1, None), MINUTES, NOW) == Times(None, None)


def test_bases_are_two_turns_ahead_and_last_for_a_twentieth_of_the_age():
    due = times(LogFront(1, 30 * DAY), MINUTES, NOW)
    assert due.soon == NOW - 30 * DAY + 2 * MINUTES
    assert due.until == NOW - 30 * DAY + 1.5 * DAY


def test_where_the_age_is_short_they_last_four_turns():
    assert times(LogFront(1, timedelta(hours=1)), MINUTES, NOW).until == NOW - timedelta(minutes=40)


def test_none_is_made_for_what_has_not_come_yet():
    assert times(LogFront(1, timedelta(minutes=1)), MINUTES, NOW) == Times(NOW, NOW)
