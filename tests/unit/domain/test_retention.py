"""What goes, what stays, and what stands in the way, as values."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.retention import (
    Cut,
    Drop,
    Keeping,
    Kept,
    Start,
    by_age,
    by_events,
    by_snapshots,
    drop,
    excess_events,
    excess_snapshots,
    goal,
)

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WHOLE = Kept(-1, 0, 0, next_event=1000, next_version=200, next_slot=4, snapshots=200)


def start(version, event_index, seconds=0.0):
    return Start(version, event_index, NOW + timedelta(seconds=seconds))


def test_without_limits_nothing_is_ever_dropped():
    assert not Keeping().is_limited
    assert (excess_events(WHOLE, Keeping()), excess_snapshots(WHOLE, Keeping())) == (0, 0)
    nothing = goal(WHOLE, [], [])
    assert nothing.cut == Cut(-1, 0)
    assert drop(WHOLE, nothing, None, start(0, -1)) is None


def test_a_group_spans_a_twentieth_of_what_is_kept():
    keeping = Keeping(events=1000, snapshots=40, age=timedelta(hours=20))
    closing = keeping.closing(0.3, 7)
    assert (closing.events, closing.snapshots, closing.age) == (50, 2, timedelta(hours=1))
    assert (closing.threshold, closing.level) == (0.3, 7)
    assert keeping.is_limited


def test_a_small_limit_makes_groups_of_one():
    assert Keeping(snapshots=3).closing(0.5, 3).snapshots == 1
    assert Keeping().closing(0.5, 3).snapshots is None


def test_what_is_too_much_is_counted_from_what_is_kept():
    kept = Kept(100, 8, 8, next_event=300, next_version=50, next_slot=1, snapshots=42)
    assert excess_events(kept, Keeping(events=150)) == 50
    assert excess_events(kept, Keeping(events=300)) == 0
    assert excess_snapshots(kept, Keeping(snapshots=40)) == 2


def test_a_cut_moves_on_to_a_groups_start_that_is_near():
    keeping = Keeping(events=400)
    aim = goal(WHOLE, [by_events(WHOLE, keeping, version=120)], [])
    assert aim.cut == Cut(600, 120)
    assert drop(WHOLE, aim, start(112, 560), start(124, 620)) == Drop(620, 124, 124)


def test_where_none_is_near_the_group_before_stays_unseen():
    aim = goal(WHOLE, [by_events(WHOLE, Keeping(events=400), version=120)], [])
    assert drop(WHOLE, aim, start(112, 560), start(124, 621)) == Drop(600, 112, 120)
    assert drop(WHOLE, aim, start(112, 560), None) == Drop(600, 112, 120)
    assert drop(WHOLE, aim, None, None) == Drop(600, 0, 120)


def test_a_start_at_the_cut_costs_nothing():
    aim = goal(WHOLE, [by_snapshots(Keeping(snapshots=80), Cut(600, 120))], [])
    assert drop(WHOLE, aim, start(112, 560), start(120, 600)) == Drop(600, 120, 120)


def test_snapshots_are_cut_at_a_start_few_versions_on():
    aim = goal(WHOLE, [by_snapshots(Keeping(snapshots=80), Cut(600, 120))], [])
    assert drop(WHOLE, aim, start(112, 560), start(124, 700)) == Drop(700, 124, 124)
    assert drop(WHOLE, aim, start(112, 560), start(125, 605)) == Drop(600, 112, 120)


def test_age_cuts_at_a_start_that_is_hardly_younger():
    hour = timedelta(hours=1)
    wanted = by_age(WHOLE, hour, NOW, young=Cut(600, 120), newest=200)
    aim = goal(WHOLE, [wanted], [])
    near = start(124, 620, -0.95 * 3600)
    assert drop(WHOLE, aim, start(112, 560), near) == Drop(620, 124, 124)
    assert drop(WHOLE, aim, start(112, 560), start(124, 620, -3000)) == Drop(600, 112, 120)


def test_the_newest_event_stays_with_all_that_belongs_to_it():
    wanted = by_age(WHOLE, timedelta(1), NOW, young=Cut(1000, 200), newest=199)
    assert wanted.cut == Cut(999, 199)


def test_where_no_event_goes_being_before_them_stays_a_position():
    wanted = by_age(WHOLE, timedelta(1), NOW, young=Cut(0, 20), newest=199)
    assert wanted.cut == Cut(-1, 20)


def test_an_agent_without_events_keeps_its_newest_state():
    kept = Kept(-1, 0, 0, next_event=0, next_version=50, next_slot=2, snapshots=50)
    wanted = by_age(kept, timedelta(1), NOW, young=Cut(0, 50), newest=49)
    assert wanted.cut == Cut(-1, 49)


def test_of_two_limits_the_one_that_wants_more_counts():
    keeping = Keeping(events=400, snapshots=50)
    both = [by_events(WHOLE, keeping, 120), by_snapshots(keeping, Cut(750, 150))]
    aim = goal(WHOLE, both, [])
    assert aim.cut == Cut(750, 150)
    # Near for the snapshots, which are all that asks for this much.
    assert drop(WHOLE, aim, start(144, 720), start(152, 790)) == Drop(790, 152, 152)


def test_a_session_holds_what_it_stands_on():
    wanted = [by_events(WHOLE, Keeping(events=400), version=120)]
    aim = goal(WHOLE, wanted, [Cut(300, 60), Cut(900, 180)])
    assert (aim.cut, aim.is_held) == (Cut(300, 60), True)
    assert drop(WHOLE, aim, start(56, 280), start(60, 300)) == Drop(300, 60, 60)
    assert drop(WHOLE, aim, start(56, 280), start(61, 301)) == Drop(300, 56, 60)
    assert not goal(WHOLE, wanted, [Cut(900, 180)]).is_held


def test_the_open_group_is_never_dropped():
    kept = Kept(-1, 0, 0, next_event=1000, next_version=200, next_slot=150, snapshots=200)
    aim = goal(kept, [by_events(kept, Keeping(events=100), version=180)], [])
    assert drop(kept, aim, start(50, 300), start(200, 905)) == Drop(900, 50, 180)


def test_nothing_moves_back():
    kept = Kept(500, 100, 104, next_event=1000, next_version=200, next_slot=4, snapshots=96)
    aim = goal(kept, [by_events(kept, Keeping(events=600), version=90)], [])
    assert drop(kept, aim, start(88, 440), start(92, 460)) is None


limits = st.none() | st.integers(1, 300)


@given(limits, limits, st.integers(0, 300), st.integers(1, 40), st.integers(0, 9))
def test_any_plan_keeps_chains_whole_and_limits(events, snapshots, count, group, sparse):
    """One event a version, in groups; versions begin only after some events."""
    keeping = Keeping(events=events, snapshots=snapshots)
    versions = max(0, count - sparse)
    slot = (versions - 1) % group + 1 if versions else 0
    kept = Kept(-1, 0, 0, count, versions, slot, versions)
    wanted = []
    if excess := excess_events(kept, keeping):
        wanted.append(by_events(kept, keeping, max(0, excess - sparse)))
    if excess := excess_snapshots(kept, keeping):
        wanted.append(by_snapshots(keeping, Cut(excess + sparse, excess)))
    aim = goal(kept, wanted, [])
    before = aim.cut.version - 1
    behind = start(before - before % group, before - before % group + sparse)
    ahead = -(-aim.cut.version // group) * group
    planned = drop(
        kept,
        aim,
        behind if before >= 0 else None,
        start(ahead, ahead + sparse) if ahead < versions else None,
    )
    first, version, shown = planned or (-1, 0, 0)
    assert version % group == 0
    assert version <= shown
    assert version <= kept.open_group
    assert events is None or count - max(first, 0) <= events
    assert snapshots is None or versions - shown <= snapshots
    assert version == 0 or version + sparse <= max(first, 0)
    assert first < max(count, 1)
