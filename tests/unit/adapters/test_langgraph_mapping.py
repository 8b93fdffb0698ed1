"""How objects become JSON: each field is there, and nothing can break a record."""

import datetime as dt
import decimal
import enum
import json
import pathlib
import uuid
from collections import Counter, defaultdict, deque, namedtuple
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.types import Command, Interrupt, Send
from pydantic import BaseModel, ConfigDict, SecretStr

from stratoscope.adapters.langgraph import to_json, to_state
from stratoscope.adapters.langgraph.messages import KnownMessages
from stratoscope_contracts.words import MAX_DEPTH


class Colour(enum.Enum):
    RED = 1


class Level(enum.StrEnum):
    HIGH = "high"


@dataclass
class Point:
    x: int
    y: Any


class Reading(BaseModel):
    model_config = ConfigDict(extra="allow")
    kwh: decimal.Decimal
    at: dt.datetime


Pair = namedtuple("Pair", ["left", "right"])


class Opaque:
    pass


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def kind_of(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def tagged(value: object, **fields: Any) -> dict[str, Any]:
    return {"$type": kind_of(value), **fields}


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -(2**63), 2**64 - 1, 1.5, "", "é\U0001f600", [1, [2]], {"a": {"b": []}}],
)
def test_json_stays_itself(value: Any) -> None:
    assert to_json(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2,)), [1, [2]]),
        (float("nan"), {"$type": "float", "$value": "nan"}),
        (float("-inf"), {"$type": "float", "$value": "-inf"}),
        (2**64, {"$type": "int", "$value": "0x10000000000000000"}),
        ("a\0", {"$type": "str", "$json": '"a\\u0000"'}),
        ("\ud800", {"$type": "str", "$json": '"\\ud800"'}),
        (b"ab", {"$type": "bytes", "$base64": "YWI="}),
        ({3, 1}, {"$type": "set", "$items": [1, 3]}),
        (frozenset(), {"$type": "frozenset", "$items": []}),
        (deque([1]), {"$type": "collections.deque", "$items": [1]}),
        ({1: "a"}, {"$type": "dict", "$items": [[1, "a"]]}),
        ({"$type": "int"}, {"$type": "dict", "$items": [["$type", "int"]]}),
        (uuid.UUID(int=1), {"$type": "uuid.UUID", "$value": str(uuid.UUID(int=1))}),
        (decimal.Decimal("1.10"), {"$type": "decimal.Decimal", "$value": "1.10"}),
        (dt.date(2026, 1, 2), {"$type": "datetime.date", "$value": "2026-01-02"}),
        (
            dt.timedelta(days=1, seconds=2),
            {"$type": "datetime.timedelta", "days": 1, "seconds": 2, "microseconds": 0},
        ),
        (pathlib.PurePosixPath("a/b"), {"$type": "pathlib.PurePosixPath", "$value": "a/b"}),
        (
            SecretStr("hush"),
            {"$type": "pydantic.types.SecretStr", "$repr": "SecretStr('**********')"},
        ),
    ],
)
def test_what_json_has_not_is_tagged(value: Any, expected: Any) -> None:
    assert to_json(value) == expected


def test_a_value_of_a_class_keeps_its_fields() -> None:
    point = Point(1, Point(2, Colour.RED))
    colour = tagged(Colour.RED, **{"$name": "RED", "$value": 1})
    assert to_json(point) == tagged(point, x=1, y=tagged(point, x=2, y=colour))
    assert to_json(Pair(1, [2])) == tagged(Pair(1, 2), left=1, right=[2])
    assert to_json(Level.HIGH) == tagged(Level.HIGH, **{"$name": "HIGH", "$value": "high"})


def test_a_model_keeps_its_extra_fields_too() -> None:
    at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    reading = Reading(kwh=decimal.Decimal("1.5"), at=at, meter="m-1")
    assert to_json(reading) == tagged(
        reading,
        kwh={"$type": "decimal.Decimal", "$value": "1.5"},
        at={"$type": "datetime.datetime", "$value": "2026-01-02T00:00:00+00:00"},
        meter="m-1",
    )


def test_a_message_keeps_all_that_it_holds() -> None:
    call = {"name": "read", "args": {"path": "a.csv"}, "id": "c1"}
    said = AIMessage("reading", tool_calls=[call], id="m1", usage_metadata=None)
    mapped = to_json(said)
    assert mapped["$type"] == "langchain_core.messages.ai.AIMessage"
    assert set(mapped) - {"$type"} == set(said.model_dump())
    assert mapped["tool_calls"] == [call | {"type": "tool_call"}]
    answer = to_json(ToolMessage("42", tool_call_id="c1", artifact=Point(1, 2)))
    assert answer["artifact"] == tagged(Point(1, 2), x=1, y=2)


def test_what_langgraph_sends_keeps_its_fields() -> None:
    assert to_json(Send("there", {"k": 1})) | {"timeout": None} == {
        "$type": "langgraph.types.Send",
        "node": "there",
        "arg": {"k": 1},
        "timeout": None,
    }
    command = to_json(Command(goto="there", update={"n": 1}))
    assert (command["goto"], command["update"]) == ("there", {"n": 1})
    asked = to_json(Interrupt(value="ok?", id="i1"))
    assert (asked["$type"], asked["value"], asked["id"]) == (
        "langgraph.types.Interrupt",
        "ok?",
        "i1",
    )


def test_an_exception_keeps_its_message_arguments_and_attributes() -> None:
    failure = ValueError("bad", 3)
    failure.add_note("while reading")
    failure.row = 7  # type: ignore[attr-defined]  # attributes may be anything
    assert to_json(failure) == {
        "$type": "ValueError",
        "$message": "('bad', 3)",
        "$args": ["bad", 3],
        "__notes__": ["while reading"],
        "row": 7,
    }


def test_anything_else_is_told_by_its_repr_without_an_address() -> None:
    told = to_json(Opaque())
    assert told == to_json(Opaque())
    assert told["$type"] == kind_of(Opaque())
    assert "0x" not in told["$repr"]
    assert to_json(Rude())["$repr"] == "<no repr: RuntimeError>"


def test_an_integer_too_large_for_python_to_write_is_kept() -> None:
    assert to_json(10**5000) == {"$type": "int", "$value": hex(10**5000)}


def test_a_cycle_ends() -> None:
    inside: list[Any] = []
    inside.append({"again": inside})
    assert to_json(inside) == [{"again": {"$type": "list", "$cycle": True}}]


def test_the_same_value_twice_is_no_cycle() -> None:
    shared = [1]
    assert to_json([shared, shared]) == [[1], [1]]


def test_what_is_nested_too_deep_is_kept_as_text() -> None:
    deep: Any = "bottom"
    for _ in range(100):
        deep = [deep]
    mapped = to_json(deep)
    assert depth_of(mapped) < MAX_DEPTH - 8
    assert '"bottom"' in unescaped(json.dumps(mapped))
    abyss: Any = []
    for _ in range(5000):
        abyss = [abyss]
    assert depth_of(to_json(abyss)) < MAX_DEPTH - 8


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


def unescaped(text: str) -> str:
    return text.replace("\\", "")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary()
    | st.datetimes(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(codec=None)), inner)
        | st.tuples(inner, inner)
        | st.builds(Point, st.integers(), inner)
    ),
)


@given(anything)
def test_whatever_comes_out_can_be_recorded(value: Any) -> None:
    mapped = to_json(value)
    text = orjson.dumps(mapped)
    assert json.loads(text) == orjson.loads(text) == mapped
    assert not any("\0" in said for said in texts_of(mapped))


def texts_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in texts_of(item))]
    if isinstance(value, list):
        return [text for item in value for text in texts_of(item)]
    return [value] if isinstance(value, str) else []


@given(anything, anything)
def test_different_values_stay_different(left: Any, right: Any) -> None:
    if to_json(left) == to_json(right):
        assert repr(listed(left)) == repr(listed(right)) or left == right


def listed(value: Any) -> Any:
    """The value with its tuples as lists, the one thing that the mapping does not tell apart."""
    if isinstance(value, (tuple, list)):
        return [listed(item) for item in value]
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return Point(value.x, listed(value.y)) if isinstance(value, Point) else value


def test_a_state_is_an_object_whatever_the_graph_keeps() -> None:
    message = HumanMessage("hi", id="h")
    assert to_state({"messages": [message]}) == {"messages": [to_json(message)]}
    assert to_state(3) == {"$value": 3}
    assert to_state(None) == {"$value": None}


# Arrays and mappings


def test_arrays_that_differ_in_their_middle_differ() -> None:
    one, other = numpy.zeros(1536), numpy.zeros(1536)
    other[700] = 1
    assert to_json(one) == to_json(numpy.zeros(1536))
    assert to_json(one) != to_json(other)
    mapped = to_json(one)
    assert (mapped["$type"], mapped["$shape"], mapped["$dtype"]) == (
        "numpy.ndarray",
        [1536],
        "float64",
    )
    assert len(mapped["$sha256"]) == 64
    assert to_json(one.reshape(2, 768)) != mapped
    objects = numpy.array([object()] * 1001, dtype=object)
    assert to_json(objects) == to_json(numpy.array([object()] * 1001, dtype=object))


def test_short_arrays_and_scalars_have_their_values() -> None:
    assert to_json(numpy.arange(6).reshape(2, 3))["$value"] == [[0, 1, 2], [3, 4, 5]]
    assert to_json(numpy.float64(2.5)) == 2.5
    assert to_json(numpy.int64(4)) == {"$type": "numpy.int64", "$value": 4}
    assert to_json(numpy.array([float("nan")]))["$value"] == [{"$type": "float", "$value": "nan"}]


def test_mappings_are_objects() -> None:
    """As checkpoint savers give them back, where they are dicts."""
    nested = defaultdict(list, {"x": [1]})
    assert to_json(Counter("aab")) == {"a": 2, "b": 1}
    assert to_json(nested) == {"x": [1]}
    assert to_json(MappingProxyType({"a": 1})) == {"$type": "mappingproxy", "a": 1}
    assert to_json(Counter([1, 1])) == {"$type": "collections.Counter", "$items": [[1, 2]]}


# Messages


def test_a_known_message_is_mapped_once_and_a_changed_one_anew() -> None:
    known = KnownMessages()
    messages = [AIMessage(f"said {n}", id=str(n)) for n in range(100)]
    first = to_json(messages, known)
    assert first == to_json(messages)
    assert all(a is b for a, b in zip(first, to_json(list(messages), known), strict=True))
    messages[10].content = "changed"
    messages[90].response_metadata["tokens"] = 7
    again = to_json(messages, known)
    assert again == to_json(messages)
    assert again[10]["content"] == "changed"
    assert again[90]["response_metadata"] == {"tokens": 7}
    # Equal in what they hold, but of another class.
    assert to_json([HumanMessage("x", id="1")], known) != to_json([AIMessage("x", id="1")], known)


def test_what_is_remembered_of_messages_is_bounded() -> None:
    known = KnownMessages(max_bytes=10_000)
    for n in range(1_000):
        to_json([AIMessage(f"said {n}", id=str(n))], known)
    assert len(known) < 100
