"""What a condition is hit by, for one record after another."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.conditions.judging import holds_at, is_hit
from stratoscope.domain.conditions.reading import watch
from stratoscope.domain.conditions.seen import Before, Seen
from stratoscope.domain.timeline import Place
from stratoscope_contracts.breakpoints import Trigger
from support.drawn_conditions import (
    OVER_BOTH,
    OVER_EVENT,
    OVER_STATE,
    conditions,
    event,
    read,
    snapshot,
    timeline,
    timelines,
)
from support.naive_conditions import Json, naive_hits, naive_truth
from support.recorded import START


def seen(line: list[Json]) -> Iterator[Seen]:
    """Each record as the evaluator sees it."""
    before = None
    for number, record in enumerate(line):
        told = record["event"] or {}
        clock = START + timedelta(seconds=record["clock"])
        yield Seen(
            Place(number, 0),
            record["index"],
            clock,
            is_event=record["event"] is not None,
            type=told.get("type"),
            depth=told.get("depth"),
            sets_state=record["sets"],
            state=lambda state=record["state"]: state,
            before=before,
        )
        before = Before(clock, lambda state=record["state"]: state)


def hits(condition: Json, line: list[Json], trigger: Trigger = "edge") -> list[int]:
    """The records at which the evaluator says that a condition is hit."""
    watched = watch(read(condition))
    found = []
    truths_before = {}
    for number, one in enumerate(seen(line)):
        truths = {
            OVER_EVENT: one.type == "a",
            OVER_STATE: naive_truth({"kind": "expression", "over": "state"}, line, number),
            OVER_BOTH: naive_truth({"kind": "expression", "over": "both"}, line, number),
        }
        if is_hit(watched, one, truths, truths_before, trigger):
            found.append(number)
        truths_before = truths
    return found


@given(conditions, timelines, st.sampled_from(["edge", "level"]))
def test_it_is_hit_where_the_contract_says(condition: Json, line: list[Json], trigger: Trigger):
    assert hits(condition, line, trigger) == naive_hits(condition, line, trigger)


ZERO = {"kind": "on_state", "path": "health", "op": "eq", "value": 0}
GOLD = {"kind": "on_change", "path": "bag.gold"}
OF_A = {"kind": "on_event_type", "type": "a"}


def test_a_condition_on_state_is_hit_where_it_becomes_true():
    line = timeline(snapshot({"health": 0}), event(), event(state={"health": 1}), event(), event())
    assert hits(ZERO, line) == [0]
    assert hits(ZERO, timeline(*[snapshot({"health": n}) for n in (1, 0, 0, 2, 0.0)])) == [1, 4]


def test_by_level_it_is_hit_at_every_record_while_it_is_true():
    line = timeline(snapshot({"health": 0}), event(), event(state={"health": 1}), event())
    assert hits(ZERO, line, "level") == [0, 1]


def test_a_condition_that_looks_at_the_event_is_hit_at_each_event_where_it_holds():
    both = {"kind": "all_of", "conditions": [OF_A, ZERO]}
    line = timeline(event(), event(state={"health": 0}), event(), event("b"), snapshot({}), event())
    assert hits(both, line) == [1, 2]


def test_one_that_may_look_at_the_event_is_never_hit_at_a_snapshot():
    either = {"kind": "any_of", "conditions": [OF_A, ZERO]}
    assert hits(either, timeline(snapshot({"health": 0}), event("b"), event())) == [1, 2]


def test_each_change_is_a_hit_also_one_right_after_another():
    golds = [{"bag": {"gold": n}} for n in (0, 1, 1.0, 2)]
    assert hits(GOLD, timeline(*map(snapshot, golds))) == [0, 1, 3]


def test_a_change_of_what_stands_above_or_below_a_path_changes_it():
    line = timeline(
        snapshot({"bag": {"gold": [1]}}), snapshot({"bag": {"gold": [2]}}), snapshot({})
    )
    assert hits(GOLD, line) == [0, 1, 2]


def test_nothing_changes_where_nothing_is_set():
    assert hits(GOLD, timeline(event(state={"bag": {"gold": 1}}), event(), event())) == [0]


def test_an_expression_is_as_true_as_it_was_found():
    low = {"kind": "expression", "source": OVER_STATE, "over": "state"}
    line = timeline(snapshot({"health": 3}), snapshot({"health": 1}), event(), snapshot({}))
    assert hits(low, line) == [1]
    assert hits({"kind": "all_of", "conditions": [OF_A, low]}, line) == [2]


def test_a_time_is_hit_once_at_the_first_record_that_reaches_it():
    line = timeline(event(at=1), event(at=7), event(at=3), event(at=9))
    assert hits({"kind": "at_time", "time": 5}, line) == [1]
    assert hits({"kind": "at_time", "time": 0}, line) == [0]
    assert hits({"kind": "at_time", "time": 10}, line) == []


def test_a_time_in_a_combination_says_from_when_on():
    later = {"kind": "all_of", "conditions": [{"kind": "at_time", "time": 5}, OF_A]}
    assert hits(later, timeline(*[event(at=at) for at in (1, 5, 6)])) == [1, 2]


def test_what_is_not_there_is_no_match_and_its_opposite_holds():
    line = timeline(event(), event())
    assert hits(ZERO, line) == []
    assert hits({"kind": "not", "condition": ZERO}, line) == [0]


def test_a_depth_that_is_not_known_is_no_match():
    deep = {"kind": "on_causality_depth", "depth": 2}
    assert hits(deep, timeline(event(depth=None), event(depth=2), event(depth=3))) == [1]


def test_a_record_whose_past_is_gone_begins_and_changes_nothing():
    (first,) = seen(timeline(snapshot({"health": 0, "bag": {"gold": 1}}, at=5)))
    assert first.clock is not None
    behind = Seen(**{**_fields(first), "before": Before(first.clock, first.state)})
    for condition in (ZERO, GOLD, {"kind": "at_time", "time": 1}):
        assert not is_hit(watch(read(condition)), behind)


def _fields(one: Seen) -> Json:
    return {name: getattr(one, name) for name in Seen.__slots__}


@pytest.mark.parametrize(
    ("condition", "holding"),
    [
        ({"kind": "on_causality_depth", "depth": 2}, True),
        ({"kind": "on_causality_depth", "depth": 4}, False),
        ({"kind": "at_event_index", "index": 1}, True),
        ({"kind": "at_event_index", "index": 0}, False),
        ({"kind": "at_time", "time": 1}, True),
        ({"kind": "at_time", "time": 3}, False),
        (ZERO, True),
        (GOLD, False),
        ({"kind": "on_change", "path": "health"}, True),
        ({"kind": "not", "condition": {"kind": "on_causality_depth", "depth": 2}}, False),
        ({"kind": "all_of", "conditions": [OF_A, ZERO]}, True),
        ({"kind": "any_of", "conditions": [GOLD, {"kind": "on_event_type", "type": "b"}]}, False),
    ],
)
def test_at_a_position_it_is_asked_whether_it_holds(condition: Json, holding: bool):
    line = timeline(event(), event("a", {"health": 0}, at=2, depth=3))
    assert holds_at(watch(read(condition)), [*seen(line)][-1]) is holding


def test_before_the_first_record_hardly_anything_holds():
    nowhere = Seen(Place(0, 0), -1, None)
    absent = {"kind": "on_state", "path": "health", "op": "exists", "value": False}
    assert holds_at(watch(read(absent)), nowhere)
    for condition in (ZERO, OF_A, {"kind": "at_time", "time": 0}):
        assert not holds_at(watch(read(condition)), nowhere)
