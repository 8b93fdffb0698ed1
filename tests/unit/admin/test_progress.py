"""How far something is, and how long it will still take."""

from stratoscope.admin.progress import Estimate, Pace
from stratoscope.cli.telling import duration, said


def test_nothing_is_estimated_from_a_single_look():
    assert Pace().estimate(10.0, 0, 100) == Estimate(0, 100)


def test_an_estimate_goes_by_what_was_done_lately():
    pace = Pace()
    pace.estimate(0.0, 0, 10_000)
    pace.estimate(1.0, 5_000, 10_000)
    for second in range(2, 20):
        last = pace.estimate(float(second), 5_000 + 10 * second, 10_000)
    assert last.rate == 10.0
    assert last.seconds_left == (10_000 - 5_190) / 10


def test_what_grows_while_it_is_done_is_not_done_in_less_than_no_time():
    pace = Pace()
    pace.estimate(0.0, 0, 10)
    assert pace.estimate(1.0, 20, 10).seconds_left == 0


def test_a_standstill_has_no_estimate():
    pace = Pace()
    pace.estimate(0.0, 5, 10)
    assert pace.estimate(1.0, 5, 10).seconds_left is None


def test_an_estimate_is_told_in_a_line():
    assert said(Estimate(5, 10)) == "5 of 10"
    assert said(Estimate(5_000, 10_000, 100.0, 50.0)) == "5,000 of 10,000, 100/s, 50 s left"
    assert said(Estimate(10, 10, 100.0, 0.0)) == "10 of 10, 100/s"


def test_durations_are_told_as_people_do():
    told = [duration(seconds) for seconds in (0.4, 99, 125, 5_999, 12_000)]
    assert told == ["0 s", "99 s", "2 min", "1 h 40 min", "3 h 20 min"]
