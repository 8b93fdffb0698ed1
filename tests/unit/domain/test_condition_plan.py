"""Where a condition can be hit: never less than where it is, and mostly little more."""

from datetime import timedelta

import pytest
from hypothesis import given

from stratoscope.domain.conditions.marks import NOWHERE, Mark, Stretch, back, onward, whole
from stratoscope.domain.conditions.plan import EVERYTHING, Sources, sources, together
from stratoscope.domain.conditions.reading import watch
from stratoscope.domain.expressions.narrowing import types_in
from stratoscope.domain.seek import Extent, Horizon
from support.drawn_conditions import conditions, event, read, timeline, timelines
from support.naive_conditions import Json, naive_hits
from support.recorded import START


def reaches(line: list[Json], number: int, found: Sources) -> bool:
    """Whether it is the first record past one of the times."""
    clocks = [START + timedelta(seconds=one["clock"]) for one in line]
    before = clocks[number - 1] if number else None
    return any(
        clocks[number] >= time and (before is None or before < time) for time in found.reached
    )


def within(found: Sources, line: list[Json], number: int) -> bool:
    """Whether a record is among the candidates."""
    told = line[number]["event"] or {}
    clock = START + timedelta(seconds=line[number]["clock"])
    if (found.since and clock < found.since) or (found.until and clock >= found.until):
        return False
    return (
        found.everything
        or told.get("type") in found.types
        or (bool(found.expressions) and told.get("type") == "a")
        or told.get("depth") in found.depths
        or told.get("index") in found.indexes
        or (bool(found.paths) and line[number]["sets"])
        or reaches(line, number, found)
        or (found.first and number == 0)
    )


@given(conditions, timelines)
def test_no_hit_is_left_out(condition: Json, line: list[Json]):
    found = sources(watch(read(condition)))
    for number in naive_hits(condition, line):
        assert within(found, line, number)


@given(conditions, conditions, timelines)
def test_together_they_leave_out_no_hit_of_any(one: Json, other: Json, line: list[Json]):
    found = together(sources(watch(read(each))) for each in (one, other))
    for condition in (one, other):
        for number in naive_hits(condition, line):
            assert within(found, line, number)


def plan(condition: Json) -> Sources:
    return sources(watch(read(condition)))


OF_A, OF_B = ({"kind": "on_event_type", "type": name} for name in "ab")
TIME = {"kind": "at_time", "time": 5}
LOW = {"kind": "on_state", "path": "health", "op": "lt", "value": 3}


def test_the_narrowest_of_several_is_taken():
    deep = {"kind": "on_causality_depth", "depth": 2}
    change = {"kind": "on_change", "path": "bag"}
    several = {"kind": "all_of", "conditions": [OF_A, deep, LOW, change]}
    assert plan(several) == Sources(paths=frozenset([("bag",)]))
    index = {"kind": "at_event_index", "index": 4}
    assert plan({"kind": "all_of", "conditions": [OF_A, index]}) == Sources(indexes=frozenset([4]))


def test_what_is_looked_for_together_is_all_of_it():
    first, second = plan(OF_A), plan({"kind": "at_event_index", "index": 4})
    assert together([first, second]) == Sources(types=frozenset("a"), indexes=frozenset([4]))


def test_times_bound_what_is_looked_at():
    at = START + timedelta(seconds=5)
    later = {"kind": "all_of", "conditions": [OF_A, TIME]}
    assert plan(later) == Sources(types=frozenset("a"), since=at)
    earlier = {"kind": "all_of", "conditions": [OF_A, {"kind": "not", "condition": TIME}]}
    assert plan(earlier) == Sources(types=frozenset("a"), until=at)
    neither = {"kind": "any_of", "conditions": [later, OF_B]}
    assert plan(neither) == Sources(types=frozenset("ab"))


def test_the_first_record_past_a_time_is_a_candidate():
    line = timeline(event(at=1), event(at=7), event(at=9))
    assert [within(plan(TIME), line, number) for number in range(3)] == [True, True, False]


def test_a_not_is_pushed_down_to_the_leaves():
    inner = {"kind": "any_of", "conditions": [{"kind": "not", "condition": OF_A}, TIME]}
    assert plan({"kind": "not", "condition": inner}) == Sources(
        types=frozenset("a"), until=START + timedelta(seconds=5)
    )
    assert plan({"kind": "not", "condition": OF_A}) == EVERYTHING
    both = {"kind": "not", "condition": {"kind": "all_of", "conditions": [OF_A, LOW]}}
    assert plan(both) == EVERYTHING


def test_what_lasts_turns_only_where_something_touches_it():
    assert plan({"kind": "any_of", "conditions": [LOW, TIME]}) == Sources(
        paths=frozenset([("health",)]),
        reached=frozenset([START + timedelta(seconds=5)]),
        first=True,
    )


@pytest.mark.parametrize(
    ("source", "types"),
    [
        ("event.type == 'a'", {"a"}),
        ("'a' == event.type && state.x > 1", {"a"}),
        ("state.x > 1 && (event.type == 'a' && state.y)", {"a"}),
        ("event.type in ['a', 'b'] && event.type == \"b\"", {"b"}),
        ("event.type in ['a']", {"a"}),
        ("(event.type == 'a')", {"a"}),
        ("event.type == 'a' || state.x", None),
        ("(event.type == 'a' || state.x)", None),
        ("(event.type == 'a') == (state.x)", None),
        ("state.x ? event.type == 'a' : true", None),
        ("event.type == 'a' && state.x || true", None),
        ("!(event.type == 'a')", None),
        ("event.type != 'a'", None),
        ("event.type == state.x", None),
        ("event.type == 'a\\'b'", None),
        ("event.type in ['a', state.x]", None),
        ("event.type in []", None),
        ("event.type in state.x", None),
        ("event.type in ['a'] + ['b']", None),
        ("event.data.type == 'a'", None),
        ("event.type == 'a' && event.type == 'b'", set()),
        ("[event.type == 'a' || true, event.type == 'b'][0]", None),
    ],
)
def test_types_are_read_off_an_expression_where_they_are_sure(source: str, types: set[str] | None):
    assert types_in(source) == types


def test_an_expression_is_a_source_of_its_own_wider_than_others():
    free, bound = (
        {"kind": "expression", "source": source}
        for source in ("event.data.x > 1", "event.type == 'a' && event.data.x > 1")
    )
    (found,) = plan(free).expressions
    assert found.source == "event.data.x > 1"
    both = plan({"kind": "all_of", "conditions": [free, bound]})
    assert [one.source for one in both.expressions] == [bound["source"]]
    assert plan({"kind": "all_of", "conditions": [bound, OF_A]}) == plan(bound)
    assert plan({"kind": "all_of", "conditions": [free, OF_A]}) == plan(OF_A)
    low = {"kind": "expression", "source": "state.health < 3"}
    assert plan({"kind": "any_of", "conditions": [OF_A, low]}).everything


def test_a_pointer_that_may_name_an_index_is_looked_up_above():
    change = {"kind": "on_change", "path": "/bag/0/x"}
    assert plan(change) == Sources(paths=frozenset([("bag",)]))
    assert plan(change | {"path": "bag[0].x"}) == Sources(paths=frozenset([("bag", 0, "x")]))


def test_marks_order_all_records():
    marks = [Mark(-1, 0), Mark(0), Mark(0, 1), Mark(0, 2), Mark(1), Mark(2)]
    assert sorted(reversed(marks)) == marks
    assert [mark.is_event for mark in marks] == [False, True, False, False, True, True]
    assert min(marks) > NOWHERE


def held(stretch: Stretch) -> list[Mark]:
    marks = [Mark(-1, 0), Mark(0), Mark(0, 1), Mark(1), Mark(1, 3), Mark(2)]
    assert [mark.event_index for mark in marks if mark.is_event and stretch.holds(mark)] == [
        index for index in stretch.events if index <= 2
    ]
    return [mark for mark in marks if stretch.holds(mark)]


def test_a_stretch_leaves_out_where_one_stands_and_takes_the_fence_in():
    assert held(onward(Mark(0), Mark(1), 0, 1)) == [Mark(0, 1), Mark(1)]
    assert held(onward(Mark(0, 1), Mark(1, 3), 1, 3)) == [Mark(1), Mark(1, 3)]
    assert held(onward(NOWHERE, Mark(0), -1, 0)) == [Mark(-1, 0), Mark(0)]
    assert held(back(Mark(1), Mark(0), 1, 0)) == [Mark(0), Mark(0, 1)]
    assert held(back(Mark(1, 3), Mark(0, 1), 3, 1)) == [Mark(0, 1), Mark(1)]
    assert held(back(Mark(0), NOWHERE, 0, -1)) == [Mark(-1, 0)]
    assert held(onward(Mark(1), Mark(1), 1, 1)) == []
    assert onward(Mark(0), Mark(1), 0, 1)[2:] == (0, 1)
    assert back(Mark(1), Mark(0), 4, 1)[2:] == (0, 4)


def test_a_stretch_is_cut_at_a_record_that_stays():
    stretch = onward(NOWHERE, Mark(2), -1, 3)
    assert held(stretch.up_to(Mark(0, 1), "forward")) == [Mark(-1, 0), Mark(0), Mark(0, 1)]
    assert held(stretch.up_to(Mark(1), "backward")) == [Mark(1), Mark(1, 3), Mark(2)]
    assert stretch.up_to(Mark(7), "forward") == stretch


def test_all_that_is_kept_begins_at_the_horizon():
    assert held(whole(Extent(2, 4))) == [Mark(-1, 0), Mark(0), Mark(0, 1), Mark(1), Mark(1, 3)]
    cut = Extent(3, 4, 1, 2, 3, Horizon(1, 9, START, START))
    assert whole(cut) == Stretch(Mark(0), Mark(3), 2, 3)
    assert held(whole(Extent(0, 1))) == [Mark(-1, 0)]
