"""The index passes over no breakpoint that a record hits, and over nearly all that it does not."""

import tracemalloc
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.conditions.judging import is_hit
from stratoscope.domain.conditions.reading import watch
from stratoscope.domain.conditions.seen import Before, Seen
from stratoscope.domain.fields import changed_paths
from stratoscope.domain.timeline import Place
from stratoscope.domain.watching.armed import Armed, Record, hit_id
from stratoscope.domain.watching.index import Index
from stratoscope_contracts.breakpoints import Trigger
from support.drawn_conditions import OVER_EVENT, OVER_STATE, TYPES, conditions, read, states
from support.naive_conditions import naive_truth
from support.recorded import START

Json = dict[str, Any]
Sight = tuple[Record, Seen, dict[str, bool], dict[str, bool]]


def armed(condition: Json, trigger: Trigger = "edge", **fields: Any) -> Armed:
    return Armed(uuid4(), watch(read(condition)), fields.pop("armed_seq", -1), trigger, **fields)


def index_of(*members: Armed) -> Index:
    index = Index()
    for one in members:
        index.add(one)
    return index


def record(**fields: Any) -> Record:
    """An event that is not its agent's first and changes nothing."""
    told = {
        "place": Place(7, 0),
        "event_index": 7,
        "clock": START + timedelta(seconds=7),
        "clock_before": START + timedelta(seconds=6),
        "recorded_at": START,
        "version": 3,
        "version_before": 3,
        "is_event": True,
        "type": "a",
        "depth": 1,
    }
    return Record(**(told | fields))


def found(index: Index, one: Record) -> set[Armed]:
    return set(index.candidates(one))


drawn_records = st.tuples(
    st.one_of(st.none(), st.sampled_from(TYPES)),
    st.one_of(st.none(), states),
    st.integers(0, 8),
    st.one_of(st.none(), st.integers(1, 3)),
)


def sights(drawn: list[Any], coarse: str) -> list[Sight]:
    """Records as they are told and as they are judged, with the truths of the expressions."""
    found: list[Sight] = []
    index, clock, state, version = -1, None, {}, -1
    truths: dict[str, bool] = {}
    for number, (type_, sets, at, depth) in enumerate(drawn):
        before = None if clock is None else Before(clock, lambda state=state: state)
        moment = START + timedelta(seconds=at)
        new_clock = moment if clock is None else max(clock, moment)
        is_event = type_ is not None
        index += is_event
        old, state = state, sets if sets is not None else state
        sets_state = sets is not None or not is_event
        changed = changed_paths(old, state, 1 if coarse == "one" else 32)
        told = Record(
            place=Place(number, 0),
            event_index=index,
            clock=new_clock,
            clock_before=clock,
            recorded_at=START,
            version=version + sets_state,
            version_before=version,
            is_event=is_event,
            type=type_,
            depth=depth if is_event else None,
            changed=None if coarse == "none" else changed,
        )
        seen = Seen(
            told.place,
            index,
            new_clock,
            is_event=is_event,
            type=type_,
            depth=told.depth,
            sets_state=sets_state,
            state=lambda state=state: state,
            before=before,
        )
        line = [{"state": state, "event": None}]
        low = naive_truth({"kind": "expression", "over": "state"}, line, 0)
        now = {OVER_EVENT: type_ == "a", OVER_STATE: low}
        found.append((told, seen, now, truths))
        clock, version, truths = new_clock, told.version, now
    return found


@given(
    conditions,
    st.sampled_from(["edge", "level"]),
    st.lists(drawn_records, min_size=1, max_size=8),
    st.sampled_from(["all", "one", "none"]),
)
def test_whatever_is_hit_is_a_candidate(condition, trigger, drawn, coarse):
    one = armed(condition, trigger)
    index = index_of(one)
    for told, seen, truths, before in sights(drawn, coarse):
        if is_hit(one.watch, seen, truths, before, trigger):
            assert one in found(index, told)


@pytest.mark.parametrize(
    ("condition", "hit", "passed"),
    [
        ({"kind": "on_event_type", "type": "a"}, {}, {"type": "b"}),
        ({"kind": "at_event_index", "index": 7}, {}, {"event_index": 8}),
        ({"kind": "on_causality_depth", "depth": 1}, {}, {"depth": 2}),
        ({"kind": "at_time", "time": 7}, {}, {"clock_before": START + timedelta(seconds=7)}),
        (
            {"kind": "on_change", "path": "bag.gold"},
            {"changed": (("bag", "gold"),)},
            {"changed": (("bag", "x"),)},
        ),
        (
            {"kind": "on_change", "path": "bag"},
            {"changed": (("bag", "gold"),)},
            {"changed": (("health",),)},
        ),
        ({"kind": "on_change", "path": "bag.gold"}, {"changed": (("bag",),)}, {"changed": ()}),
        ({"kind": "on_change", "path": ""}, {"changed": (("health",),)}, {"changed": ()}),
        (
            {"kind": "on_state", "path": "health", "op": "eq", "value": 0},
            {"changed": (("health",),)},
            {"changed": (("bag",),)},
        ),
        (
            {
                "kind": "all_of",
                "conditions": [
                    {"kind": "on_state", "path": "health", "op": "eq", "value": 0},
                    {"kind": "on_event_type", "type": "a"},
                ],
            },
            {},
            {"type": "b"},
        ),
        (
            {
                "kind": "any_of",
                "conditions": [
                    {"kind": "at_event_index", "index": 7},
                    {"kind": "on_event_type", "type": "b"},
                ],
            },
            {},
            {"event_index": 8},
        ),
    ],
)
def test_what_a_record_does_not_show_is_passed_over(condition, hit, passed):
    one = armed(condition)
    index = index_of(one)
    changes = {"version": 4} if "changed" in hit else {}
    assert found(index, record(**hit, **changes)) == {one}
    assert found(index, record(**passed, **changes)) == set()


def test_the_narrowest_part_of_a_conjunction_finds_it():
    index = index_of(
        armed(
            {
                "kind": "all_of",
                "conditions": [
                    {"kind": "on_event_type", "type": "a"},
                    {"kind": "at_event_index", "index": 9},
                ],
            }
        )
    )
    assert not found(index, record())
    assert found(index, record(event_index=9, type="b"))


def test_where_nobody_knows_what_changed_everything_may_have():
    watched = [armed({"kind": "on_change", "path": path}) for path in ("a.b", "c")]
    typed = armed({"kind": "on_event_type", "type": "b"})
    index = index_of(*watched, typed)
    assert found(index, record(version=4, changed=None)) == set(watched)
    assert found(index, record(version=4, changed=(("c",),))) == {watched[1]}


def test_what_begins_does_so_at_a_first_record_too():
    one = armed({"kind": "not", "condition": {"kind": "on_state", "path": "x", "op": "exists"}})
    assert found(index_of(one), record(clock_before=None)) == {one}
    assert found(index_of(one), record()) == set()


def test_by_level_every_record_is_looked_at():
    one = armed({"kind": "on_state", "path": "x", "op": "eq", "value": 0}, "level")
    assert found(index_of(one), record(is_event=False, type=None)) == {one}


def test_a_pointer_does_not_tell_an_index_from_a_key():
    one = armed({"kind": "on_change", "path": "/bag/0"})
    assert found(index_of(one), record(version=4, changed=(("bag", 0),))) == {one}


def test_what_is_removed_is_found_no_more():
    every = [
        armed({"kind": "on_event_type", "type": "a"}),
        armed({"kind": "at_time", "time": 7}),
        armed({"kind": "on_causality_depth", "depth": 1}),
    ]
    index = index_of(*every)
    assert index.asks_depth
    assert found(index, record()) == set(every)
    for one in every:
        index.remove(one.id)
    index.remove(every[0].id)
    assert not index
    assert not index.asks_depth
    assert found(index, record()) == set()


def test_one_with_the_same_id_takes_its_place():
    first = armed({"kind": "on_event_type", "type": "a"})
    second = Armed(first.id, watch(read({"kind": "on_event_type", "type": "b"})), -1)
    index = index_of(first, second)
    assert found(index, record()) == set()
    assert found(index, record(type="b")) == {second}


def test_it_sees_what_stands_behind_its_message_up_to_its_end():
    condition = {"kind": "on_event_type", "type": "a"}
    assert not armed(condition, armed_seq=7).sees(record())
    assert armed(condition, armed_seq=6).sees(record())
    assert armed(condition, ends_at=START).sees(record())
    assert not armed(condition, ends_at=START - timedelta(seconds=1)).sees(record())


def test_a_hit_is_named_by_its_breakpoint_and_place():
    one, other = uuid4(), uuid4()
    assert hit_id(one, Place(1, 2)) == hit_id(one, Place(1, 2))
    assert len({hit_id(a, p) for a in (one, other) for p in (Place(1, 2), Place(12, 0))}) == 4


def deep_paths(number: int) -> Armed:
    paths = [".".join([f"p{number}x{one}", *"a" * 62]) for one in range(100)]
    changes = [{"kind": "on_change", "path": path} for path in paths]
    return armed({"kind": "any_of", "conditions": changes})


def allocated(work: Callable[[], object]) -> int:
    """Bytes that are left allocated by some work."""
    tracemalloc.start()
    try:
        kept = work()
        found = tracemalloc.get_traced_memory()[0]
        del kept
        return found
    finally:
        tracemalloc.stop()


def test_paths_of_many_levels_take_little_room():
    """16 KB of a request: buckets for each of 63 levels took 3.5 MB."""
    every = [deep_paths(number) for number in range(5)]
    assert allocated(lambda: index_of(*every)) < 5 * 500_000


def any_of(kind: str, name: str, values: Iterable[object]) -> Armed:
    return armed({"kind": "any_of", "conditions": [{"kind": kind, name: one} for one in values]})


def test_what_is_removed_leaves_nothing_behind():
    """Empty buckets of what came and went grew by megabytes."""
    index = index_of(armed({"kind": "on_event_type", "type": "stays"}))
    every = [
        one
        for turn in range(5)
        for one in (
            deep_paths(turn),
            any_of("on_event_type", "type", [f"t{turn}_{one}" for one in range(99)]),
            any_of("at_event_index", "index", range(turn * 99 + 10, turn * 99 + 109)),
            any_of("on_causality_depth", "depth", range(turn * 99 + 10, turn * 99 + 109)),
            armed({"kind": "at_time", "time": turn}),
        )
    ]

    def come_and_go() -> None:
        for one in every:
            index.add(one)
            index.remove(one.id)

    # What a condition finds out about itself it keeps.
    come_and_go()
    assert allocated(come_and_go) < 400_000
    assert {one.id for one in found(index, record(type="stays"))} == set(index.members)
    assert not found(index, record(clock=START + timedelta(days=9), version=4, changed=None))


@pytest.mark.parametrize("watched", [7, 8, 9, 20])
@pytest.mark.parametrize("changed", [1, 7, 8, 9, 20, 30])
def test_a_change_above_or_below_a_long_path_is_found(watched: int, changed: int):
    one = armed({"kind": "on_change", "path": ".".join("abcdefghijklmnopqrstuvwxyz"[:watched])})
    path = tuple("abcdefghijklmnopqrstuvwxyzABCDEF"[:changed])
    assert found(index_of(one), record(version=4, changed=(path,))) == {one}
