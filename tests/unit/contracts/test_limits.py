"""Every text, list and number of a request and of a record has a limit that its schema says."""

import re._parser as regex
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from stratoscope_contracts import words
from stratoscope_contracts.breakpoints import BreakpointCreateRequest
from stratoscope_contracts.catalogue import MESSAGES, schema_of
from stratoscope_contracts.comparing import CompareOptions
from stratoscope_contracts.errors import field_errors
from stratoscope_contracts.looking import StateAtRequest
from stratoscope_contracts.sessions import SessionContinueRequest
from stratoscope_contracts.words import count_segments

SENT = sorted(
    name for name in MESSAGES if name.endswith(".request") or name in {"event", "snapshot", "batch"}
)
# JSON of any shape: bounded in bytes, by what is named here.
FREE = {
    "data": "the message, 64 levels and 1,000,000 values: broker.payload",
    "state": "the folded state: domain.intake",
    "metadata": "16 KiB: words.Metadata, and of a record projector.decode",
    "value": "16 KiB in a condition; 1 MiB in a session: navigator.sessions.remembering",
}


def _unbounded(node: Any, where: str, defs: dict[str, Any], seen: frozenset[str]) -> Iterator[str]:
    """Paths of a schema's values that have no limit."""
    if not isinstance(node, dict) or not node:
        yield f"{where}: anything"
        return
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name in seen:
            return
        seen, node = seen | {name}, defs[name]
    members = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    for member in members:
        yield from _unbounded(member, where, defs, seen)
    if members or "const" in node or "enum" in node:
        return
    yield from _of_type(node, where, defs, seen)


def _of_type(node: Any, where: str, defs: dict[str, Any], seen: frozenset[str]) -> Iterator[str]:
    kind = node.get("type")
    if kind == "string" and not _is_bounded_text(node):
        yield f"{where}: a text"
    elif kind == "array":
        if "maxItems" not in node:
            yield f"{where}: a list"
        for item in (*node.get("prefixItems", ()), *([node["items"]] if "items" in node else ())):
            yield from _unbounded(item, f"{where}[]", defs, seen)
    elif kind in {"integer", "number"}:
        if not (node.keys() & {"minimum", "exclusiveMinimum"} and "maximum" in node):
            yield f"{where}: a number"
    elif kind == "object":
        yield from _of_object(node, where, defs, seen)
    elif kind not in {"string", "boolean", "null"}:
        yield f"{where}: anything"


def _of_object(
    node: dict[str, Any], where: str, defs: dict[str, Any], seen: frozenset[str]
) -> Iterator[str]:
    for name, value in node.get("properties", {}).items():
        if name not in FREE:
            yield from _unbounded(value, f"{where}.{name}", defs, seen)
    more = node.get("additionalProperties", False)
    if more and "maxProperties" not in node:
        yield f"{where}: an object"
    if isinstance(more, dict):
        yield from _unbounded(more, f"{where}{{}}", defs, seen)


def _is_bounded_text(node: dict[str, Any]) -> bool:
    if "maxLength" in node or node.get("format") == "uuid":
        return True
    width = regex.parse(node["pattern"]).getwidth()[1] if "pattern" in node else regex.MAXREPEAT
    return bool(width < regex.MAXREPEAT)


@pytest.mark.parametrize("name", SENT)
def test_every_field_has_a_limit(name: str) -> None:
    schema = schema_of(name)
    assert list(_unbounded(schema, name, schema.get("$defs", {}), frozenset())) == []


def test_a_field_without_a_limit_is_found() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    assert list(_unbounded(schema, "x", {}, frozenset())) == ["x.a: a text", "x.b: a number"]


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("", 0),
        ("a", 1),
        ("a.b[1]", 3),
        ("[0].a", 2),
        ('a["x.y[0]"].b', 3),
        ('["a\\"."]', 1),
        ("/a/b~1c/0", 3),
        ('a["never closed.....', 2),
    ],
)
def test_segments_are_counted_in_both_spellings(path: str, segments: int) -> None:
    assert count_segments(path) == segments


def _fields(model: type[Any], body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return dict(field_errors(caught.value))


@pytest.mark.parametrize(
    "path",
    [".".join(["a"] * 65), "/a" * 65, "a" * 4097, "é" * 2049, "[0]" * 65],
    ids=["dotted", "pointer", "long", "bytes", "indexes"],
)
def test_a_path_over_the_limit_is_named(path: str) -> None:
    assert set(_fields(StateAtRequest, {"agent": "a", "at": {"latest": True}, "path": path})) == {
        "path"
    }
    condition = {"kind": "on_change", "path": path}
    asked = {"agent": "a", "condition": condition}
    assert set(_fields(BreakpointCreateRequest, asked)) == {"condition.path"}


def test_a_path_at_the_limit_is_taken() -> None:
    longest = "/" + "a" * (words.MAX_PATH_BYTES - 1)
    deepest = ".".join(["a"] * words.MAX_PATH_SEGMENTS)
    for path in longest, deepest:
        asked = StateAtRequest.model_validate({"agent": "a", "at": {"latest": True}, "path": path})
        assert asked.path == path


def test_path_patterns_have_limits() -> None:
    assert set(_fields(CompareOptions, {"include_paths": ["a." * 65 + "a"]})) == {
        "include_paths[0]"
    }
    assert set(_fields(CompareOptions, {"exclude_paths": ["a"] * 101})) == {"exclude_paths"}


def _on_state(value: Any, op: str = "eq") -> dict[str, Any]:
    return {"kind": "on_state", "path": "a", "op": op, "value": value}


def test_values_of_a_condition_have_limits() -> None:
    for condition in (
        _on_state("x" * words.MAX_CONDITION_VALUE_BYTES),
        _on_state([0] * (words.MAX_CONDITION_VALUES + 1), "in"),
        _on_state(float("nan")),
    ):
        fields = _fields(BreakpointCreateRequest, {"agent": "a", "condition": condition})
        assert set(fields) == {"condition"}


def test_a_whole_condition_has_a_limit() -> None:
    parts = [_on_state("x" * 10_000) for _ in range(10)]
    condition = {"kind": "all_of", "conditions": parts}
    asked = {"agent": "a", "condition": condition}
    assert "65536 bytes" in _fields(BreakpointCreateRequest, asked)["condition"]
    run = {"id": "0" * 32, "direction": "forward", "until": condition}
    assert "65536 bytes" in _fields(SessionContinueRequest, run)["until"]


@pytest.mark.parametrize(
    ("kind", "field"), [("at_event_index", "index"), ("on_causality_depth", "depth")]
)
def test_a_number_that_no_column_holds_is_named(kind: str, field: str) -> None:
    asked = {"agent": "*", "condition": {"kind": kind, field: 10**30}}
    assert set(_fields(BreakpointCreateRequest, asked)) == {f"condition.{field}"}


def test_metadata_of_a_breakpoint_has_a_limit() -> None:
    asked = {"agent": "a", "condition": _on_state(1), "metadata": {"a": "x" * 16_384}}
    assert "16384 bytes" in _fields(BreakpointCreateRequest, asked)["metadata"]


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**400, [1, [2**64]], {"a": {"b": 2**64}}])
def test_an_integer_that_no_record_holds_is_no_value_of_a_condition(value: object) -> None:
    condition = {"kind": "on_state", "path": "a", "op": "eq", "value": value}
    with pytest.raises(ValidationError, match="-2\\^63 to 2\\^64-1"):
        BreakpointCreateRequest(agent="a", condition=condition)


def test_an_integer_that_a_record_holds_is_one() -> None:
    for value in (2**64 - 1, -(2**63), [1], {"a": 1}, True, None, "x", 1.5):
        condition = {"kind": "on_state", "path": "a", "op": "eq", "value": value}
        BreakpointCreateRequest(agent="a", condition=condition)
