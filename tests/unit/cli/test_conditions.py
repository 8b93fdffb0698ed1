"""Conditions as they are typed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from stratoscope.cli.conditions import condition, spelled
from stratoscope.cli.faults import UsageFault
from stratoscope_contracts.breakpoints import Condition

Written = tuple[str, dict[str, object]]
WRITTEN: tuple[Written, ...] = (
    ("health == 0", {"kind": "on_state", "path": "health", "op": "eq", "value": 0}),
    ("health<=0.5", {"kind": "on_state", "path": "health", "op": "le", "value": 0.5}),
    ("goal != null", {"kind": "on_state", "path": "goal", "op": "ne", "value": None}),
    (
        "goal == find the key",
        {"kind": "on_state", "path": "goal", "op": "eq", "value": "find the key"},
    ),
    ('a["x y"] > 1', {"kind": "on_state", "path": 'a["x y"]', "op": "gt", "value": 1}),
    ("type == 3", {"kind": "on_state", "path": "type", "op": "eq", "value": 3}),
    ("at in [1, 2]", {"kind": "on_state", "path": "at", "op": "in", "value": [1, 2]}),
    ('bag contains "key"', {"kind": "on_state", "path": "bag", "op": "contains", "value": "key"}),
    ("name matches ^ex", {"kind": "on_state", "path": "name", "op": "matches", "value": "^ex"}),
    ("goal == NaNny", {"kind": "on_state", "path": "goal", "op": "eq", "value": "NaNny"}),
    ("goal exists", {"kind": "on_state", "path": "goal", "op": "exists"}),
    ("change inventory[0]", {"kind": "on_change", "path": "inventory[0]"}),
    ("type error_occurred", {"kind": "on_event_type", "type": "error_occurred"}),
    ("index 10", {"kind": "at_event_index", "index": 10}),
    ("depth 5", {"kind": "on_causality_depth", "depth": 5}),
    ("time 2026-11-23T08:00Z", {"kind": "at_time", "time": "2026-11-23T08:00:00Z"}),
    (
        "when state.health < 10 && event.type == 'x'",
        {"kind": "expression", "source": "state.health < 10 && event.type == 'x'"},
    ),
    (
        '{"kind":"not","condition":{"kind":"at_event_index","index":1}}',
        {"kind": "not", "condition": {"kind": "at_event_index", "index": 1}},
    ),
)
adapter = TypeAdapter[Condition](Condition)


@pytest.mark.parametrize(("text", "meant"), WRITTEN)
def test_a_condition_is_what_it_says(text: str, meant: dict[str, object]) -> None:
    assert condition(text.split(" ")) == adapter.validate_python(meant)


@pytest.mark.parametrize(("text", "meant"), WRITTEN)
def test_a_condition_is_written_as_it_can_be_read(text: str, meant: dict[str, object]) -> None:
    found = adapter.validate_python(meant)
    assert condition([spelled(found)]) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no condition"),
        ("health", "a condition is health == 0"),
        ("index ten", "'ten' is no number"),
        ("index -1", "'-1' is no number"),
        ("depth 0", "greater than or equal to 1"),
        ("type Error", "pattern"),
        ("time noon", "is no time"),
        ("when", "source"),
        ("{", "it is no JSON"),
        ('{"kind":"perhaps"}', "kind"),
        ("x == NaN", "NaN is no finite number"),
        ("x == -Infinity", "-Infinity is no finite number"),
        ("x == [1, 1e999]", "1e999 is no finite number"),
        ('{"kind":"on_state","path":"x","op":"eq","value":NaN}', "NaN is no finite number"),
        pytest.param("x == " + "[" * 5000, "nested too deeply", id="open lists"),
        pytest.param("x == " + "[" * 5000 + "]" * 5000, "nested too deeply", id="lists"),
        pytest.param(
            '{"kind":"not","condition":' * 5000, "nested too deeply", id="open conditions"
        ),
        pytest.param(
            '{"kind":"not","condition":' * 900 + '{"kind":"at_event_index","index":1}' + "}" * 900,
            "is no condition",
            id="conditions",
        ),
    ],
)
def test_what_is_no_condition_says_what_one_is(text: str, said: str) -> None:
    with pytest.raises(UsageFault) as refused:
        condition(text.split(" "))
    assert said in f"{refused.value} {refused.value.hint}"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "contains"]), values)
def test_every_value_comes_through(op: str, value: object) -> None:
    found = adapter.validate_python({"kind": "on_state", "path": "a.b", "op": op, "value": value})
    assert condition([spelled(found)]) == found
    assert json.loads(found.model_dump_json())["value"] == value
