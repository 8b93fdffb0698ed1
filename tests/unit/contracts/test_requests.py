"""Requests: what all share, and the choices inside some."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from stratoscope_contracts import breakpoints, comparing, control, looking, sessions
from stratoscope_contracts.envelopes import ListReply, ListRequest
from stratoscope_contracts.errors import field_errors
from stratoscope_contracts.verbs import VERBS
from stratoscope_contracts.views import AtEventIndex

ID = "0195a3c0-7e10-7001-8a2b-3c4d5e6f0001"


def fields_refused(model: type[BaseModel], body: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(body))
    return [field for field, _ in field_errors(caught.value)]


@pytest.mark.parametrize("name", sorted(VERBS))
def test_any_request_may_wait_and_none_takes_an_unknown_field(name: str) -> None:
    """A typing error is told, never answered as another question."""
    request = VERBS[name].request
    assert request.model_fields["wait_for"].default is None
    assert request.model_fields["wait_ms"].default == 2000
    assert "agnet" in fields_refused(request, {"agnet": "a"})


@pytest.mark.parametrize("name", sorted(VERBS))
def test_a_reply_may_grow(name: str) -> None:
    """Readers pass over what they do not know."""
    assert VERBS[name].reply.model_config.get("extra") == "ignore"


@pytest.mark.parametrize("name", sorted(VERBS))
def test_what_takes_a_cursor_gives_one(name: str) -> None:
    """A page without the next is a dead end."""
    verb = VERBS[name]
    assert issubclass(verb.request, ListRequest) == issubclass(verb.reply, ListReply)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"wait_for": -1}, "wait_for"),
        ({"wait_for": 1.5}, "wait_for"),
        ({"wait_ms": 30_001}, "wait_ms"),
        ({"wait_ms": -1}, "wait_ms"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "10"}, "limit"),
        ({"cursor": 5}, "cursor"),
    ],
)
def test_waiting_and_paging_have_bounds(body: dict[str, Any], field: str) -> None:
    """Those of the contract."""
    assert fields_refused(looking.AgentsListRequest, body) == [field]


def test_from_is_a_word_of_the_wire() -> None:
    """Python says `from_`, the body `from`."""
    request = looking.EventsListRequest.model_validate(
        {"agent": "a", "from": {"event_index": 3}, "to": {"latest": True}}
    )
    assert request == looking.EventsListRequest(
        agent="a",
        from_=AtEventIndex(event_index=3),
        to=request.to,
    )
    assert json.loads(request.model_dump_json(exclude_unset=True)) == {
        "agent": "a",
        "from": {"event_index": 3},
        "to": {"latest": True},
    }


@pytest.mark.parametrize(
    "size",
    [
        "event",
        "snapshot",
        {"events": 3},
        {"seconds": 0.5},
        sessions.EventsSize(events=2),
        sessions.SecondsSize(seconds=1),
    ],
)
def test_each_size_of_a_step(size: Any) -> None:
    """By name, by number or by time."""
    adapter = TypeAdapter[sessions.StepSize](sessions.StepSize)
    assert adapter.validate_python(adapter.dump_python(adapter.validate_python(size)))


@pytest.mark.parametrize("size", ["hour", {"events": 0}, {"seconds": 0}, {"hours": 1}, 3, None])
def test_what_is_no_size_of_a_step(size: Any) -> None:
    """The field is named, the direction too where it is missing."""
    found = fields_refused(sessions.SessionStepRequest, {"id": ID, "size": size})
    assert found[0] == "direction"
    assert found[1].startswith("size")


@pytest.mark.parametrize(
    "rule",
    [
        {"after": 2},
        {"every": 3},
        {"once": True},
        breakpoints.HitAfter(after=1),
        breakpoints.HitEvery(every=1),
        breakpoints.HitOnce(once=True),
    ],
)
def test_each_hit_rule(rule: Any) -> None:
    """From JSON or as a model."""
    adapter = TypeAdapter[breakpoints.HitRule](breakpoints.HitRule)
    assert adapter.validate_python(adapter.dump_python(adapter.validate_python(rule)))


@pytest.mark.parametrize("rule", [{"after": 0}, {"once": False}, {"after": 1, "once": True}, {}, 1])
def test_what_is_no_hit_rule(rule: Any) -> None:
    """One of three, whole."""
    with pytest.raises(ValidationError):
        TypeAdapter(breakpoints.HitRule).validate_python(rule)


CONDITIONS: list[dict[str, Any]] = [
    {"kind": "at_time", "time": "2026-11-23T08:00:00Z"},
    {"kind": "at_event_index", "index": 10},
    {"kind": "on_event_type", "type": "error_occurred"},
    {"kind": "on_state", "path": "health", "op": "eq", "value": None},
    {"kind": "on_state", "path": "health", "op": "exists"},
    {"kind": "on_change", "path": "inventory"},
    {"kind": "on_causality_depth", "depth": 5},
    {"kind": "expression", "source": "state.health < 10"},
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_condition_alone_and_nested(condition: dict[str, Any]) -> None:
    """all_of, any_of and not hold any condition, themselves included."""
    nested = {
        "kind": "all_of",
        "conditions": [
            {"kind": "any_of", "conditions": [condition]},
            {"kind": "not", "condition": condition},
        ],
    }
    for body in (condition, nested):
        request = breakpoints.BreakpointCreateRequest.model_validate(
            {"agent": "*", "condition": body}
        )
        assert (
            request.model_dump(mode="json", exclude_unset=True)["condition"].keys() == body.keys()
        )


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ({"kind": "on_state", "path": "h", "op": "eq"}, "condition"),
        ({"kind": "on_state", "path": "h", "op": "like", "value": 1}, "condition.op"),
        ({"kind": "at_event_index", "index": -1}, "condition.index"),
        ({"kind": "all_of", "conditions": []}, "condition.conditions"),
        ({"kind": "expression", "source": "x" * 1025}, "condition.source"),
        ({"kind": "not", "condition": {"kind": "on_change"}}, "condition.condition.path"),
        ({"kind": "never"}, "condition"),
    ],
)
def test_a_fault_in_a_condition_names_its_field(condition: dict[str, Any], field: str) -> None:
    """As the body spells it."""
    body = {"agent": "a", "condition": condition}
    assert fields_refused(breakpoints.BreakpointCreateRequest, body) == [field]


def test_an_unknown_field_is_named_even_where_it_is_spelled_like_a_kind() -> None:
    """Only what stands where a kind was chosen is left out of a field's path."""
    at = {"latest": True}
    assert fields_refused(looking.StateAtRequest, {"agent": "a", "at": at, "event": 1}) == ["event"]
    until = {"kind": "on_change", "path": "x", "not": 1}
    body = {"id": ID, "direction": "forward", "until": until}
    assert fields_refused(sessions.SessionContinueRequest, body) == ["until.not"]


def test_a_breakpoint_names_an_agent_or_all() -> None:
    """`*` is no agent's name anywhere else."""
    body = {"agent": "*", "condition": CONDITIONS[1]}
    assert breakpoints.BreakpointCreateRequest.model_validate(body).agent == "*"
    assert fields_refused(
        breakpoints.BreakpointCheckRequest, {"agent": "*", "at": {"latest": True}}
    ) == ["agent"]


def test_options_of_a_comparison_are_read_from_lists() -> None:
    """Their value does not change once read."""
    options = comparing.CompareOptions.model_validate_json(
        '{"include_paths":["a"],"types":["number"]}'
    )
    assert options == comparing.CompareOptions(include_paths=("a",), types=("number",))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (control.CtlMessage(command="pause", by="operator"), '{"command":"pause","by":"operator"}'),
        (
            control.CtlMessage(command="step", by="operator", events=2),
            '{"command":"step","by":"operator","events":2}',
        ),
    ],
)
def test_a_command_carries_events_only_where_it_steps(
    message: control.CtlMessage, text: str
) -> None:
    """A pause is spelled as the contract spells it."""
    assert message.model_dump_json() == text
    assert control.CtlMessage.model_validate_json(text) == message


@pytest.mark.parametrize("events", [0, 1_000_000_001, 10**23])
def test_a_step_is_of_as_many_events_as_can_be_counted(events: int) -> None:
    body = {"agent": "a", "events": events}
    assert fields_refused(control.AgentStepRequest, body) == ["events"]
