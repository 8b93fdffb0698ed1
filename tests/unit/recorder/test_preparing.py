"""A record is spelled as it will be sent, or refused in the caller's face, by name."""

from __future__ import annotations

import asyncio
import json
import os
from collections import UserDict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count, islice, repeat
from typing import Any
from uuid import UUID

import pytest
import zstandard

from stratoscope import InvalidName, InvalidRecord, StratoError
from stratoscope.broker.login import Login
from stratoscope.recorder.causes import causing
from stratoscope.recorder.preparing import EventOptions, Prepared, Preparer, SnapshotOptions
from stratoscope.recorder.settings import RecorderSettings, check_name
from stratoscope_contracts.records import EventRecord, SnapshotRecord
from stratoscope_contracts.words import KIB, MIB, KnownType

A = "01a207de-54d9-7de8-8e66-58933a695c35"
B = "01a207de-54da-74ce-84fb-a6891e9469c7"


def event(data: Any = None, type: str = "decision_made", **options: Any) -> dict[str, Any]:
    preparer = Preparer(RecorderSettings())
    return read(preparer.event("a", type, data, EventOptions(**options)))


def snapshot(state: Any, **options: Any) -> dict[str, Any]:
    preparer = Preparer(RecorderSettings())
    return read(preparer.snapshot("a", state, SnapshotOptions(**options)))


def read(prepared: Prepared) -> dict[str, Any]:
    """The record as the wire has it, taken by the contract's own model."""
    model = EventRecord if prepared.kind == "event" else SnapshotRecord
    assert str(model.model_validate_json(prepared.body).id) == prepared.id
    member = json.loads(prepared.member)
    assert member.pop("kind") == prepared.kind
    assert member == json.loads(prepared.body)
    return dict(member)


def test_an_event_says_what_it_was_told_and_when() -> None:
    """The agent's clock is read at the call, the id made there."""
    before = datetime.now(UTC)
    said = event({"x": 1}, metadata={"m": [True]}, causes=A, patch=[{"op": "remove", "path": "/a"}])
    assert before <= datetime.fromisoformat(said.pop("occurred_at")) <= datetime.now(UTC)
    assert UUID(said.pop("id")).version == 7
    assert said == {
        "type": "decision_made",
        "data": {"x": 1},
        "metadata": {"m": [True]},
        "causes": [A],
        "patch": [{"op": "remove", "path": "/a"}],
    }


def test_what_is_not_given_is_not_sent() -> None:
    """The wire's defaults are the service's."""
    assert event().keys() == {"id", "type", "occurred_at"}
    assert snapshot({}).keys() == {"id", "state", "occurred_at"}


def test_a_snapshot_is_canonical_and_carries_its_label() -> None:
    """Keys by code point, so that equal states are equal bytes."""
    prepared = Preparer(RecorderSettings()).snapshot(
        "a", {"b": 1, "a": {"d": 1.0, "c": None}}, {"label": "x", "memory_usage": 5}
    )
    assert b'"state":{"a":{"c":null,"d":1.0},"b":1}' in prepared.body
    assert read(prepared)["label"] == "x"
    assert read(prepared)["memory_usage"] == 5


def test_ids_types_and_times_may_be_objects() -> None:
    """UUIDs, the known types, aware datetimes of any offset, mappings that are no dict."""
    said = event(
        UserDict(x=UUID(A)),
        KnownType.MEMORY_UPDATE,
        id=UUID(B),
        causes=[UUID(A), B],
        occurred_at=datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    )
    assert said == {
        "id": B,
        "type": "memory_update",
        "data": {"x": A},
        "causes": [A, B],
        "occurred_at": "2026-01-01T00:00:00.000000Z",
    }


def test_an_id_of_the_callers_own_is_given_back_in_its_one_spelling() -> None:
    """Whatever form it came in."""
    prepared = Preparer(RecorderSettings()).event("a", "x", None, {"id": A.upper()})
    assert prepared.id == A


@pytest.mark.parametrize(
    ("options", "reason", "words"),
    [
        ({"data": {"a": [1, {2}]}}, "wrong_shape", r"at 'data.a\[1\]': a set is not a JSON value"),
        ({"data": {"a": float("inf")}}, "not_finite", "at 'data.a': inf"),
        ({"data": {"a": 2**64}}, "number_out_of_range", "at 'data.a'"),
        ({"data": {"a": "\x00"}}, "nul", "at 'data.a'"),
        ({"data": {"a": "\ud800"}}, "lone_surrogate", "at 'data.a'"),
        ({"data": {1: 2}}, "wrong_shape", "at 'data': key 1"),
        ({"data": [1]}, "wrong_shape", "data is an object"),
        ({"metadata": {"a": "x" * 16_384}}, "metadata_too_large", "at most 16384"),
        ({"metadata": {"at": datetime.now(UTC)}}, "wrong_shape", "at 'metadata.at': a datetime"),
        ({"type": "Not A Type"}, "wrong_shape", "type: "),
        ({"id": "seven"}, "wrong_shape", "id: "),
        ({"causes": ["seven"]}, "wrong_shape", r"causes\[0\]: "),
        ({"causes": [A] * 65}, "wrong_shape", "causes: "),
        ({"patch": [{"op": "add", "path": "a", "value": 1}]}, "wrong_shape", r"patch\[0\].path"),
        ({"patch": [{"op": "spoil", "path": "/a"}]}, "wrong_shape", r"patch\[0\]"),
        ({"occurred_at": datetime(2026, 1, 1)}, "wrong_shape", "time zone"),  # noqa: DTZ001
        ({"occurred_at": "yesterday"}, "wrong_shape", "occurred_at: "),
        ({"traceparent": "x"}, "wrong_shape", "traceparent"),
    ],
)
def test_an_event_that_would_be_a_dead_letter_is_refused(
    options: dict[str, Any], reason: str, words: str
) -> None:
    """With the rule that it breaks, the record and the path: the caller's bug, in his face."""
    with pytest.raises(InvalidRecord, match=words) as refused:
        event(**options)
    assert isinstance(refused.value, ValueError)
    assert isinstance(refused.value, StratoError)
    named = options.get("type", "decision_made")
    assert str(refused.value).startswith(f"event {named} of agent a can't be recorded: ")
    assert refused.value.details["reason"] == reason
    assert refused.value.details["agent"] == "a"


@pytest.mark.parametrize("state", [None, [], "x", 1])
def test_a_state_is_an_object(state: Any) -> None:
    """Nothing else can be stood at."""
    with pytest.raises(InvalidRecord, match=r"snapshot of agent a .*: state is an object"):
        snapshot(state)


def test_a_state_of_64_levels_is_taken_and_one_of_65_is_not() -> None:
    """The line that intake draws."""
    state: dict[str, Any] = {}
    for _ in range(63):
        state = {"in": state}
    snapshot(state)
    with pytest.raises(InvalidRecord, match="64 levels"):
        snapshot({"in": state})


@pytest.mark.parametrize("options", [{"label": 5}, {"memory_usage": -1}, {"memory_usage": True}])
def test_a_snapshots_own_fields_are_judged_as_intake_will(options: dict[str, Any]) -> None:
    """Strictly, by the contract's model."""
    with pytest.raises(InvalidRecord, match=next(iter(options))):
        snapshot({}, **options)


def test_an_option_that_is_not_one_is_not_passed_over() -> None:
    """`cause=` for `causes=` would otherwise lose the cause without a word."""
    with pytest.raises(TypeError, match="no such option: cause"):
        event(cause=A)
    with pytest.raises(TypeError, match="no such option: causes"):
        snapshot({}, causes=A)


def test_a_state_over_the_message_limit_is_packed() -> None:
    """9 MiB of JSON that zstd makes small enough; it then goes alone."""
    state = {"a": "x" * (9 * MIB)}
    prepared = Preparer(RecorderSettings()).snapshot("a", state, {})
    assert prepared.packed
    assert json.loads(zstandard.decompress(prepared.body))["state"] == state


@pytest.mark.parametrize(
    ("state", "settings", "words"),
    [
        ({"a": "x" * (9 * MIB)}, RecorderSettings(compression="never"), r"stratoscope\[zstd\]"),
        ({"a": os.urandom(12 * MIB).hex()}, RecorderSettings(), "even as zstd"),
        ({"a": "x" * (32 * MIB)}, RecorderSettings(), "at most 33554432"),
    ],
    ids=["not allowed", "not enough", "too much unpacked"],
)
def test_a_state_that_fits_no_message_is_refused_at_the_call(
    state: Any, settings: RecorderSettings, words: str
) -> None:
    """The agent hears of it, not the log of a service."""
    with pytest.raises(InvalidRecord, match=words) as refused:
        Preparer(settings).snapshot("a", state, {})
    assert refused.value.details["reason"] == "too_large"


def test_redaction_comes_before_anything_is_spelled() -> None:
    """By paths or by a function, which may change what it is given."""

    def function(kind: str, record: dict[str, Any]) -> dict[str, Any]:
        assert kind == "snapshot"
        record["state"]["user"]["token"] = "hidden"
        record["id"] = B
        return record

    state = {"user": {"token": "s3cret"}}
    for redact in (["user.token"], function):
        prepared = Preparer(RecorderSettings(redact=redact)).snapshot("a", state, {"id": A})
        assert b"s3cret" not in prepared.body
        assert prepared.id == A
    assert state == {"user": {"token": "s3cret"}}


def test_a_redaction_that_fails_keeps_the_record_back() -> None:
    """And does not repeat what it failed at."""

    def fail(kind: str, record: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError(record["data"]["token"])

    with pytest.raises(InvalidRecord, match="redact= failed with RuntimeError") as refused:
        Preparer(RecorderSettings(redact=fail)).event("a", "x", {"token": "s3cret"}, {})
    assert "s3cret" not in str(refused.value)


class Failing(UserDict[str, Any]):
    """An agent's object that fails when it is read, or told."""

    def keys(self) -> Any:
        raise OSError("secret")

    def __repr__(self) -> str:
        raise OSError("secret")


@pytest.mark.parametrize(
    "options",
    [
        *({"data": Failing()}, {"metadata": Failing()}, {"data": {"a": Failing()}}),
        *({"type": Failing()}, {"causes": [Failing()]}, {"id": Failing()}),
        *({"patch": (1 // 0 for _ in "a")}, {"occurred_at": 5}),
    ],
)
def test_an_object_that_fails_is_refused_like_any_other(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord) as refused:
        event(**options)
    assert "secret" not in str(refused.value)


def test_causing_is_the_default_and_nested_ones_restore() -> None:
    """Explicit causes replace it, an empty list too."""
    assert "causes" not in event()
    with causing("default", A):
        assert event()["causes"] == [A]
        with causing("default", [A, UUID(B)]):
            assert event()["causes"] == [A, B]
            assert event(causes=[B])["causes"] == [B]
            assert "causes" not in event(causes=[])
        with causing("elsewhere", B):
            assert event()["causes"] == [A]
        assert event()["causes"] == [A]
    assert "causes" not in event()


async def test_causing_crosses_tasks_and_stays_out_of_siblings() -> None:
    """A context variable: tasks inherit it, what they set is their own."""

    async def child(own: str | None) -> list[str]:
        if own is None:
            return list(event()["causes"])
        with causing("default", own):
            await asyncio.sleep(0)
            return list(event()["causes"])

    with causing("default", A):
        assert await asyncio.gather(child(None), child(B), child(None)) == [[A], [B], [A]]
        assert await asyncio.to_thread(lambda: event()["causes"]) == [A]


@pytest.mark.parametrize(
    "options",
    [
        {"on_full": "explode"},
        {"compression": "gzip"},
        {"queue_size": 0},
        {"batch_records": 10_001},
        {"batch_bytes": 8 * MIB},
        {"batch_age": -1},
        {"batch_age": float("nan")},
        {"full_wait": -1},
        {"ack_timeout": 0},
        {"wait_connected": -1},
        {"url": "http://127.0.0.1:8222"},
        {"url": "nats://"},
        {"url": "nats://host:port"},
        {"url": "nats://host:99999"},
        {"url": "nats://right:4222,"},
    ],
)
def test_a_setting_that_makes_no_sense_is_told_at_once(options: dict[str, Any]) -> None:
    """By its name."""
    with pytest.raises(ValueError, match=next(iter(options))):
        RecorderSettings(**options)


@pytest.mark.parametrize(("space", "agent"), [("Big", "a"), ("a.b", "a"), ("a", "a b"), ("a", "")])
def test_a_name_that_no_subject_can_hold_is_refused(space: str, agent: str) -> None:
    """Before anything is recorded under it."""
    with pytest.raises(InvalidName):
        check_name(space, agent)


def test_the_room_for_headers_is_enough() -> None:
    """A trace context and the encoding fit into what is kept free beside a body."""
    longest = len("traceparent: 00-" + "0" * 32 + "-" + "0" * 16 + "-00" + "Content-Encoding: zstd")
    assert longest + 100 < KIB


def test_a_login_that_can_not_be_read_is_told_at_once() -> None:
    """Not by a connection that never comes."""
    with pytest.raises(ValueError, match="can't read the credentials /nowhere"):
        RecorderSettings(login=Login("/nowhere"))


def test_a_url_is_told_without_its_password() -> None:
    """It goes into logs."""
    with pytest.raises(ValueError, match="not 'host:x'"):
        RecorderSettings(url="nats://user:s3cret@host:x")
    RecorderSettings(url="tls://user:s3cret@host:4222, nats://[::1]:4222, host:4222, ws://h")


# What has no end here ends by itself after so many steps: too late, for a test to tell.
STEPS = 1_500_000


class Endless(UserDict[str, int]):
    """An object that has always one member more."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def __iter__(self) -> Iterator[str]:
        for number in islice(count(), STEPS):
            self.steps = number
            yield str(number)

    def __getitem__(self, key: str) -> int:
        return 0


def test_what_has_no_end_is_refused() -> None:
    """A generator is read up to one more than a record takes."""
    given = {
        "patch": repeat({"op": "remove", "path": "/a"}, STEPS),
        "causes": repeat(A, STEPS),
    }
    for name, endless in given.items():
        with pytest.raises(InvalidRecord, match=name):
            event(**{name: endless})
        # `repeat` tells how much of it is left.
        assert endless.__length_hint__() > STEPS - 1100


def test_an_object_that_has_no_end_is_refused() -> None:
    """It is read up to one member more than a record takes values."""
    endless = Endless()
    with pytest.raises(InvalidRecord, match="more than 1000000 JSON values"):
        event(endless)
    assert endless.steps < STEPS - 1
