"""The short way takes nothing that the contract's models refuse, and reads it no differently."""

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from asyncpg.pgproto.pgproto import UUID as PostgresUUID
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stratoscope.broker.payload import PayloadRejected, decode_record_json
from stratoscope.domain.records import EventIn
from stratoscope.projector.decode import _modelled
from stratoscope.projector.plain import plain_records

ID = "0192f5e2-7d3a-7c61-8a2e-0123456789ab"
TIME = "2026-11-23T08:00:00.123456Z"

text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(text, junk, max_size=3)


@st.composite
def spelled_ids(draw: st.DrawFn) -> str:
    """A UUID as UUIDs are spelled, and as they are not."""
    id_ = str(draw(st.uuids()))
    spellings = [id_, id_, id_.upper(), id_.replace("-", ""), f"{{{id_}}}", f"urn:uuid:{id_}"]
    odd = [
        id_[:-1],
        f" {id_}",
        f"{id_}\n",
        id_.replace("-", "_"),
        "\N{ARABIC-INDIC DIGIT ONE}" + id_[1:],
        "",
    ]
    return draw(st.sampled_from(spellings + odd))


@st.composite
def spelled_times(draw: st.DrawFn) -> str:
    """A time as RFC 3339 has it, or nearly."""

    def number(most: int) -> str:
        return f"{draw(st.integers(0, most)):02}"

    year = draw(st.sampled_from(["0000", "0001", "1969", "2026", "9999", "12026", "26"]))
    day = f"{year}-{number(13)}-{number(32)}"
    clock = f"{number(25)}:{number(61)}" + draw(st.sampled_from(["", ":00", f":{number(61)}"]))
    fraction = draw(st.sampled_from(["", ".1", ".123", ".123456", ".1234567", ".", ",123"]))
    zone = draw(st.sampled_from(["Z", "Z", "z", "+00:00", "-23:59", "+01", "", "Z\n"]))
    return day + draw(st.sampled_from(["T", "T", "t", " "])) + clock + fraction + zone


fields = {
    "id": spelled_ids() | junk,
    "type": st.from_regex(r"[a-z][a-z0-9_.]{0,5}", fullmatch=True)
    | st.sampled_from(["a" * 64, "a" * 65, "A", "", "a\n", "ä", "1a"])
    | junk,
    "occurred_at": spelled_times() | junk,
    "data": objects | junk,
    "metadata": objects | junk | st.just({"m": "x" * 17_000}) | st.just({"m": "ü" * 4_000}),
    "causes": st.lists(spelled_ids() | junk, max_size=4) | junk | st.just([ID] * 65),
    "patch": st.just([]) | junk,
    "kind": st.sampled_from(["event", "snapshot"]) | junk,
    "state": junk,
    "more": junk,
}
valid = st.fixed_dictionaries(
    {"type": st.sampled_from(["decision_made", "my.own"])},
    optional={
        "id": st.uuids().map(str),
        "occurred_at": st.sampled_from([TIME, "2026-11-23T08:00:00Z", "2026-11-23T08:00:00.120Z"]),
        "data": objects,
        "metadata": objects,
        "causes": st.lists(st.uuids().map(str), max_size=4),
    },
)


@st.composite
def nearly_valid(draw: st.DrawFn) -> Any:
    """An event with a few of its fields as they must not be, or other fields."""
    record = dict(draw(valid))
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
        record[name] = draw(fields[name])
    return record


def modelled(kind: str, body: bytes) -> list[Any] | None:
    try:
        return _modelled(kind, body)
    except (ValidationError, PayloadRejected):
        return None


def agree(kind: str, body: bytes) -> bool:
    """Whether the short way took it; then the models say the same."""
    taken = plain_records(kind, decode_record_json(body))
    if taken is None:
        return False
    expected = modelled(kind, body)
    assert expected is not None, "taken, although the models refuse it"
    for one, other in zip(taken, expected, strict=True):
        assert isinstance(other, EventIn)
        assert described(one) == described(other)
    return True


def described(event: EventIn) -> dict[str, Any]:
    found = {name: getattr(event, name) for name in EventIn.__slots__}
    return found | {"causes": list(event.causes)}


@given(nearly_valid())
@settings(max_examples=400)
def test_what_it_takes_the_models_take_and_read_alike(record: Any):
    agree("event", orjson.dumps(record))


@given(st.lists(nearly_valid() | junk, max_size=3), st.data())
@settings(max_examples=150)
def test_a_batch_is_taken_if_each_of_its_records_would_be(records: list[Any], data):
    for record in records:
        if isinstance(record, dict) and data.draw(st.integers(0, 5)):
            record["kind"] = "event"
    agree("batch", orjson.dumps({"records": records}))


@given(st.sampled_from(["event", "snapshot", "batch"]), junk)
def test_whatever_is_no_record_is_left_to_the_models(kind: str, document: Any):
    agree(kind, orjson.dumps(document))


@given(valid)
def test_an_ordinary_event_is_taken(record: Any):
    """Else the property above would hold of a way that takes nothing."""
    assert agree("event", orjson.dumps(record))
    assert agree("batch", orjson.dumps({"records": [{"kind": "event"} | record] * 2}))


@pytest.mark.parametrize(
    "data",
    [
        '{"a":1,"b":2,"a":3}',
        '{"a":{"x":1,"x":{"y":2}},"a":{"z":1}}',
        '{"n":[-0,-0.0,1E5,1e5,1.10,1e-7,123456789012345678,18446744073709551615]}',
        '{"t":"\\u00e9\\ud83d\\ude00\\/\\b"}',
        ' { "a" : [ ] } ',
        '{"n":0.1000000000000000055511151231257827,"m":1e23,"o":9007199254740993.0}',
        '{"n":-9223372036854775808,"m":5e-324,"o":1.7976931348623157e308}',
    ],
)
def test_odd_spellings_of_json_give_the_same_text(data: str):
    assert agree("event", f'{{"type":"a","data":{data},"metadata":{data}}}'.encode())


@pytest.mark.parametrize(
    "field",
    [
        {"occurred_at": "2026-11-23T24:00:00Z"},
        {"occurred_at": "2026-11-23T08:00:60Z"},
        {"occurred_at": "2026-02-30T08:00:00Z"},
        {"occurred_at": None},
        {"id": None},
        {"data": None},
        {"metadata": {"m": "x" * 16_384}},
        {"causes": [ID] * 65},
        {"patch": [{"op": "add", "path": "/a", "value": 1}]},
        {"more": 1},
        {"kind": "event"},
        {"type": "a" * 65},
    ],
)
def test_what_is_not_known_at_a_glance_is_left_to_the_models(field: Any):
    assert not agree("event", orjson.dumps({"type": "a"} | field))


def test_an_empty_or_an_overlong_batch_is_left_to_the_models():
    assert not agree("batch", b'{"records":[]}')
    one = {"kind": "event", "type": "a"}
    assert agree("batch", orjson.dumps({"records": [one] * 10_000}))
    assert not agree("batch", orjson.dumps({"records": [one] * 10_001}))


@given(st.uuids())
@example(UUID(int=0))
def test_the_drivers_uuids_are_uuids(id_: UUID):
    """Intake looks ids of both kinds up in the same sets."""
    other = PostgresUUID(str(id_))
    assert other == id_
    assert id_ == other
    assert hash(other) == hash(id_)
    assert other != uuid4()
    assert {id_: 1}[other] == {other: 1}[id_] == 1
    assert str(other) == str(id_)
