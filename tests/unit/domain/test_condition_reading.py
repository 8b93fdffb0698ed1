"""From a condition as it comes to one that can be judged, and what is said of a hit."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from stratoscope.domain.conditions.judging import NO_TRUTHS
from stratoscope.domain.conditions.operators import compares
from stratoscope.domain.conditions.parts import Expressed
from stratoscope.domain.conditions.policies import counts, is_over
from stratoscope.domain.conditions.reading import ConditionRefused, watch
from stratoscope.domain.conditions.reasons import described, reason
from stratoscope.domain.conditions.seen import Before, Seen
from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.paths import MISSING
from stratoscope.domain.timeline import Place
from stratoscope_contracts.breakpoints import Condition, HitAfter, HitEvery, HitOnce, HitRule

CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)
TIME = datetime(2026, 11, 23, 8, tzinfo=UTC)
Json = dict[str, Any]


def watched(**condition: Any) -> Watch:
    return watch(CONDITION.validate_python(condition))


def on_state(path: str, op: str, value: Any) -> Json:
    return {"kind": "on_state", "path": path, "op": op, "value": value}


def test_it_says_what_it_looks_at_and_when_it_is_judged():
    time = {"kind": "at_time", "time": TIME}
    change = {"kind": "on_change", "path": "inventory[0]"}
    health = on_state("health", "lt", 3)
    source = {"kind": "expression", "source": "state.goal == 'rest' && state.health < 3"}
    both = {"kind": "expression", "source": "event.type == 'a' && state.health < 3"}
    deep = {"kind": "on_causality_depth", "depth": 2}

    def looks(*conditions: Json) -> tuple[str, set[str], list[Any]]:
        found = watched(kind="any_of", conditions=[*conditions])
        return found.judged, {*found.needs}, [*found.paths]

    assert looks(time) == ("state", {"clock"}, [])
    assert looks(health, time) == ("state", {"state", "clock"}, [("health",)])
    assert looks(source, health) == ("state", {"state"}, [("goal",), ("health",)])
    assert looks(change, health) == (
        "record",
        {"changes", "state"},
        [("inventory", 0), ("health",)],
    )
    assert looks(both, change) == (
        "event",
        {"event", "state", "changes"},
        [("health",), ("inventory", 0)],
    )
    assert looks(deep) == ("event", {"event", "depth"}, [])
    assert looks({"kind": "expression", "source": "event.depth > 1"}) == (
        "event",
        {"event", "depth"},
        [],
    )
    assert looks({"kind": "expression", "source": "event.data.depth > 1"})[1] == {"event"}
    assert looks({"kind": "at_event_index", "index": 1}) == ("event", {"event"}, [])
    assert looks({"kind": "expression", "source": "1 == 1"}) == ("state", set(), [])


def test_it_reads_states_itself_but_for_expressions():
    source = {"kind": "expression", "source": "state.health < 3"}
    matches = on_state("name", "matches", "a")
    assert not watched(kind="any_of", conditions=[source, matches]).reads_state
    assert watched(kind="any_of", conditions=[source, on_state("n", "eq", 3)]).reads_state
    assert watched(kind="not", condition={"kind": "on_change", "path": ""}).reads_state


def test_expressions_are_named_once_with_the_patterns_that_are_some_too():
    source = {"kind": "expression", "source": "state.health < 3"}
    match = on_state('bag[0]["a.b"]', "matches", 'a\\."é')
    found = watched(kind="all_of", conditions=[source, {"kind": "not", "condition": source}, match])
    assert [one.source for one in found.expressions] == [
        "state.health < 3",
        r'state["bag"][0]["a.b"].matches("a\\.\"é")',
    ]
    leaf = watched(**match).root
    assert isinstance(leaf, Expressed)
    assert (leaf.field, leaf.pattern) == ("condition.value", r'"a\\.\"é"')


def nested(levels: int) -> Json:
    condition: Json = {"kind": "on_event_type", "type": "a"}
    for _ in range(levels - 1):
        condition = {"kind": "not", "condition": condition}
    return condition


@pytest.mark.parametrize(
    ("condition", "field", "position"),
    [
        ({"kind": "on_change", "path": "a["}, "condition.path", None),
        (
            {"kind": "all_of", "conditions": [nested(1), on_state("a[", "eq", 1)]},
            "condition.conditions[1].path",
            None,
        ),
        ({"kind": "expression", "source": "nothing == 1"}, "condition.source", 0),
        (
            {"kind": "not", "condition": {"kind": "expression", "source": "1 = 1"}},
            "condition.condition.source",
            2,
        ),
        (on_state("name", "matches", "x" * 1100), "condition.value", 0),
        (on_state("/bag/0", "matches", "x"), "condition.path", None),
        (nested(17), "condition", None),
        (
            {
                "kind": "any_of",
                "conditions": [{"kind": "any_of", "conditions": [nested(1)] * 60}] * 2,
            },
            "condition",
            None,
        ),
    ],
)
def test_what_can_not_be_judged_is_refused_where_it_stands(
    condition: Json, field: str, position: int | None
):
    with pytest.raises(ConditionRefused) as refused:
        watched(**condition)
    assert (refused.value.field, refused.value.position) == (field, position)
    assert str(refused.value).startswith(f"{field}: ")


def test_what_is_large_but_meant_is_taken():
    watched(**nested(16))
    watched(kind="any_of", conditions=[nested(1)] * 100)
    watched(**on_state("/bag/gold", "matches", "x"))
    watched(**on_state("/bag/0", "eq", 1))


@pytest.mark.parametrize(
    ("op", "value"), [("in", 1), ("in", None), ("matches", 3), ("exists", 1), ("exists", "yes")]
)
def test_an_operator_takes_only_what_it_can_use(op: str, value: Any):
    with pytest.raises(ValidationError, match=f"{op} takes"):
        CONDITION.validate_python(on_state("a", op, value))


@pytest.mark.parametrize(
    ("op", "found", "wanted", "holds"),
    [
        ("eq", 1, 1.0, True),
        ("eq", 1, True, False),
        ("eq", [1, {"a": 2}], [1.0, {"a": 2}], True),
        ("ne", "x", 0, True),
        ("ne", MISSING, 0, False),
        ("lt", 2**63, 2.0**64, True),
        ("lt", True, 2, False),
        ("lt", 1, True, False),
        ("le", "a", "a", True),
        ("gt", "b", "a", True),
        ("gt", "b", 1, False),
        ("ge", 0.5, 1, False),
        ("in", 1.0, [3, 1], True),
        ("in", True, [1], False),
        ("in", 1, 1, False),
        ("contains", [1, [2]], [2.0], True),
        ("contains", "abc", "bc", True),
        ("contains", "abc", 1, False),
        ("contains", {"key": 1}, "key", True),
        ("contains", 5, 5, False),
        ("exists", None, None, True),
        ("exists", MISSING, None, False),
        ("exists", MISSING, False, True),
        ("exists", 0, False, False),
        ("exists", 0, True, True),
    ],
)
def test_operators_compare_as_json_does(op: Any, found: Any, wanted: Any, holds: bool):
    assert compares(op, found, wanted) is holds


def fold(rule: HitRule | None, hits: int) -> list[int]:
    return [hit for hit in range(1, hits + 1) if counts(rule, hit - 1)]


def test_a_policy_says_which_hits_count():
    assert fold(None, 3) == [1, 2, 3]
    assert fold(HitAfter(after=2), 4) == [3, 4]
    assert fold(HitEvery(every=2), 5) == [2, 4]
    assert fold(HitEvery(every=1), 2) == [1, 2]
    assert fold(HitOnce(once=True), 3) == [1]


def test_only_once_is_ever_over():
    assert is_over(HitOnce(once=True), 1)
    assert not is_over(HitOnce(once=True), 0)
    assert not is_over(HitAfter(after=1), 5)
    assert not is_over(None, 5)


SEEN = Seen(
    Place(9, 0),
    7,
    TIME,
    is_event=True,
    type="fight",
    depth=4,
    sets_state=True,
    state=lambda: {"health": 0, "bag": [1, 2], "name": "x" * 90},
    before=Before(TIME, lambda: {"health": 3}),
)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (on_state("health", "eq", 0), "health: 3 → 0 (on_state health eq 0)"),
        (
            {"kind": "on_change", "path": "bag"},
            "bag: nothing → a list of 2 (on_change bag)",
        ),
        (
            {"kind": "on_change", "path": ""},
            "state: an object of 1 → an object of 3 (on_change)",
        ),
        (on_state("name", "exists", None), f'name: nothing → "{"x" * 59}…" (on_state name exists)'),
        (on_state("gone", "exists", False), "gone: nothing (on_state gone exists false)"),
        ({"kind": "on_event_type", "type": "fight"}, "event 7 is fight (on_event_type fight)"),
        ({"kind": "at_event_index", "index": 7}, "event 7 (at_event_index 7)"),
        (
            {"kind": "on_causality_depth", "depth": 4},
            "event 7 is 4 deep (on_causality_depth 4)",
        ),
        (
            {"kind": "at_time", "time": TIME},
            "clock 2026-11-23T08:00:00.000000Z (at_time 2026-11-23T08:00:00.000000Z)",
        ),
        ({"kind": "expression", "source": "state.health < 10"}, "expression state.health < 10"),
        (on_state("name", "matches", "^x"), 'on_state name matches "^x"'),
        (
            {
                "kind": "all_of",
                "conditions": [
                    {"kind": "at_event_index", "index": 7},
                    {
                        "kind": "any_of",
                        "conditions": [
                            {"kind": "at_event_index", "index": 8},
                            {"kind": "on_causality_depth", "depth": 4},
                        ],
                    },
                ],
            },
            "event 7 (at_event_index 7); event 7 is 4 deep (on_causality_depth 4)",
        ),
        (
            {
                "kind": "not",
                "condition": {
                    "kind": "any_of",
                    "conditions": [
                        {"kind": "on_event_type", "type": "a"},
                        {
                            "kind": "all_of",
                            "conditions": [{"kind": "not", "condition": on_state("a", "gt", 1)}],
                        },
                    ],
                },
            },
            "not (on_event_type a or (not on_state a gt 1))",
        ),
    ],
)
def test_a_reason_names_what_was_true_and_the_values(condition: Json, said: str):
    assert reason(watched(**condition), SEEN, NO_TRUTHS) == said


def test_a_reason_is_short_whatever_it_is_about():
    long = watched(kind="all_of", conditions=[on_state("name", "ne", "y" * 500)] * 100)
    assert len(reason(long, SEEN)) == 500
    assert len(described(long.root)) > 500
    wide = watched(kind="expression", source=" || ".join(["state.health < 10"] * 20))
    assert len(reason(wide, SEEN)) == 200


def test_before_the_first_record_there_was_nothing():
    first = Seen(Place(1, 0), -1, None, sets_state=True, state=lambda: {"a": 1})
    assert reason(watched(kind="on_change", path="a"), first) == "a: nothing → 1 (on_change a)"
    assert reason(watched(kind="at_time", time=TIME), first).startswith("clock (at_time")
