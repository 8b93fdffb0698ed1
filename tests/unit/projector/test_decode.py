"""Every message is read or given a reason, whatever it holds; nothing is raised."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.broker.protocol import UnreadHeaders
from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import EventIn, Message, Rejection, SnapshotIn
from stratoscope.projector.decode import decode
from stratoscope_contracts.subjects import stored

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
KINDS = ("event", "snapshot", "batch")


def delivered(
    body: bytes | Any,
    kind: str = "event",
    headers: dict[str, str] | None = None,
    subject: str | None = None,
) -> Delivered:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return Delivered(7, AT, subject or stored("default", "a", kind), headers, data)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


ZSTD = {"Content-Encoding": "zstd"}
EVENT = b'{"type":"a"}'


@pytest.mark.parametrize(
    ("body", "kind", "headers", "reason"),
    [
        (b"", "event", None, "not_json"),
        (b"{", "event", None, "not_json"),
        (b'{"type":"a"} x', "event", None, "not_json"),
        (b'{"type":"a","data":{"n":NaN}}', "event", None, "not_json"),
        (b'{"type":"a","data":{"n":01}}', "event", None, "not_json"),
        (b'\xff{"type":"a"}', "event", None, "not_json"),
        (b'{"type":"a\xff"}', "event", None, "not_json"),
        (b"[]", "event", None, "wrong_shape"),
        (b"{}", "event", None, "wrong_shape"),
        (b'{"type":"A"}', "event", None, "wrong_shape"),
        (b'{"type":1}', "event", None, "wrong_shape"),
        (b'{"type":"a","id":"x"}', "event", None, "wrong_shape"),
        (b'{"type":"a","data":[]}', "event", None, "wrong_shape"),
        (b'{"type":"a","occurred_at":"yesterday"}', "event", None, "wrong_shape"),
        (b'{"type":"a","occurred_at":1}', "event", None, "wrong_shape"),
        (b'{"type":"a","causes":["x"]}', "event", None, "wrong_shape"),
        (b'{"type":"a","patch":[{"op":"no","path":""}]}', "event", None, "wrong_shape"),
        (b'{"type":"a","patch":[{"op":"add","path":"x","value":1}]}', "event", None, "wrong_shape"),
        (
            {"type": "a", "causes": [str(UUID(int=n)) for n in range(65)]},
            "event",
            None,
            "wrong_shape",
        ),
        (
            {"type": "a", "patch": [{"op": "add", "path": "/a", "value": 1}] * 1001},
            "event",
            None,
            "wrong_shape",
        ),
        ({"type": "a", "metadata": {"m": "x" * 16_384}}, "event", None, "metadata_too_large"),
        ({"state": {}, "metadata": {"m": "x" * 16_384}}, "snapshot", None, "metadata_too_large"),
        ({"records": []}, "batch", None, "wrong_shape"),
        ({"records": [{"kind": "event", "type": "a"}] * 10_001}, "batch", None, "wrong_shape"),
        ({"records": [{"type": "a"}]}, "batch", None, "wrong_shape"),
        (b'{"type":"a","data":{"n":' + nested(64) + b"}}", "event", None, "too_deep"),
        (b'{"state":{"n":' + nested(64) + b"}}", "snapshot", None, "too_deep"),
        (nested(100_000), "event", None, "too_deep"),
        (b'{"type":"a","data":{"n":"\\u0000"}}', "event", None, "nul"),
        (b'{"type":"a","data":{"\\u0000":1}}', "event", None, "nul"),
        (b'{"type":"a","data":{"n":"\\ud800"}}', "event", None, "lone_surrogate"),
        (b'{"type":"a","data":{"n":"\\udc00x"}}', "event", None, "lone_surrogate"),
        (b'{"type":"a","data":{"n":18446744073709551616}}', "event", None, "number_out_of_range"),
        (b'{"type":"a","data":{"n":-9223372036854775809}}', "event", None, "number_out_of_range"),
        (b'{"type":"a","data":{"n":1e400}}', "event", None, "not_finite"),
        (b'{"state":[]}', "snapshot", None, "wrong_shape"),
        (b'{"state":null}', "snapshot", None, "wrong_shape"),
        (b'{"state":{},"memory_usage":-1}', "snapshot", None, "wrong_shape"),
        (b'{"state":{},"memory_usage":9223372036854775808}', "snapshot", None, "wrong_shape"),
        (gzip.compress(EVENT, mtime=0), "event", {"Content-Encoding": "gzip"}, "unknown_encoding"),
        (EVENT, "event", ZSTD, "damaged_encoding"),
        (zstandard.compress(EVENT)[:-1], "event", ZSTD, "not_json"),
        (zstandard.compress(b" " * (33 << 20)), "event", ZSTD, "too_large"),
    ],
)
def test_bad_input_is_refused_with_its_reason(
    body: bytes | Any, kind: str, headers: dict[str, str] | None, reason: str
):
    found = refusal(decode(delivered(body, kind, headers)))
    assert (found.stream_seq, found.reason) == (7, reason)
    assert found.detail


def refusal(found: Message | Rejection) -> Rejection:
    """Why a message is refused, whether or not that puts its agent's state in doubt."""
    rejection = found.refused if isinstance(found, Message) else found
    assert rejection is not None
    return rejection


PATCHED = [{"op": "what", "path": None}]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "event"),
        (b"{", "batch"),
        (b"[1]", "event"),
        ({"state": [1]}, "snapshot"),
        ({"type": "a", "patch": PATCHED}, "event"),
        ({"type": "a", "patch": None}, "event"),
        ({"records": [{"kind": "event", "type": "A"}, {"kind": "snapshot"}]}, "batch"),
        ({"records": [{"kind": "event", "type": "a", "patch": PATCHED}]}, "batch"),
        ({"records": [1]}, "batch"),
        ({"records": 1}, "batch"),
    ],
)
def test_what_may_have_been_meant_to_change_the_state_puts_it_in_doubt(body: Any, kind: str):
    found = decode(delivered(body, kind))
    assert isinstance(found, Message)
    assert found.refused is not None
    assert not found.records


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "A"}, "event"),
        ({"type": "a", "metadata": {"m": "x" * 16_384}}, "event"),
        ({"records": [{"kind": "event", "type": "A"}]}, "batch"),
        ({"records": []}, "batch"),
    ],
)
def test_an_event_without_a_patch_leaves_the_state_as_it_was(body: Any, kind: str):
    assert isinstance(decode(delivered(body, kind)), Rejection)


def test_a_header_block_that_can_not_be_read_makes_a_dead_letter():
    found = decode(delivered(EVENT, "event", UnreadHeaders(b"\r\n\r\n")))
    assert refusal(found).reason == "bad_headers"


def test_what_no_rule_foresees_is_a_dead_letter_too(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("stratoscope.projector.decode.plain_records", fail)
    found = refusal(decode(delivered(EVENT)))
    assert (found.reason, found.detail) == ("unreadable", "it could not be read: RuntimeError")


def test_without_memory_no_verdict_is_given(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("stratoscope.projector.decode.plain_records", fail)
    with pytest.raises(MemoryError):
        decode(delivered(EVENT))


def test_a_value_of_a_patch_may_have_the_levels_of_a_state():
    """The fold counts those that it comes under: 64 in all."""
    patch = b'{"op":"add","path":"/d","value":%b}'
    for levels in 63, 64:
        body = b'{"type":"a","patch":[' + patch % nested(levels) + b"]}"
        batch = b'{"records":[{"kind":"event",%b]}' % body[1:]
        for kind, sent in ("event", body), ("batch", batch):
            found = decode(delivered(sent, kind))
            assert isinstance(found, Message)
            assert found.refused is None
    found = decode(delivered(b'{"type":"a","patch":[' + patch % nested(65) + b"]}"))
    assert refusal(found).reason == "too_deep"


@pytest.mark.parametrize(
    "subject",
    [
        "strato.default.rec.a.event",
        "strato.default.part.16.a.event",
        "strato.default.part.1.a.what",
        "strato.DEFAULT.part.1.a.event",
        "strato.default.part.1.a b.event",
        "strato.default.nav.state.at",
        "strato.*.rec.*.event",
        "nonsense",
        "",
    ],
)
def test_a_subject_that_is_none_of_the_wires_is_refused(subject: str):
    found = decode(Delivered(7, AT, subject, None, EVENT))
    assert isinstance(found, Rejection)
    assert found.reason == "bad_subject"


def test_the_record_to_blame_is_named():
    records = [{"kind": "event", "type": "a"}, {"kind": "event", "type": "A"}]
    found = refusal(decode(delivered({"records": records}, "batch")))
    assert found.ordinal == 1
    assert "records.1" in found.detail


def test_a_detail_names_places_and_keeps_values_to_itself():
    found = decode(delivered({"type": "a", "id": "my-secret", "causes": ["my-secret"]}))
    assert isinstance(found, Rejection)
    assert "id" in found.detail
    assert "my-secret" not in found.detail


def test_an_event_is_read_with_all_that_it_says():
    patch = [{"op": "move", "from": "/a", "path": "/b"}]
    cause = UUID(int=2)
    body = {
        "id": str(UUID(int=1)),
        "type": "decision_made",
        "occurred_at": "2026-11-23T09:00:00+01:00",
        "data": {"b": 1.0, "a": 1},
        "metadata": {"m": 1},
        "causes": [str(cause)],
        "patch": patch,
        "unknown": 1,
    }
    found = decode(delivered(body))
    assert isinstance(found, Message)
    assert found.timeline == ("default", "a")
    assert found.records == [
        EventIn(
            UUID(int=1),
            "decision_made",
            AT,
            '{"b":1.0,"a":1}',
            '{"m":1}',
            [cause],
            patch,
            '[{"op":"move","path":"/b","from":"/a"}]',
        )
    ]


def test_a_snapshots_state_is_spelled_canonically():
    found = decode(delivered({"state": {"b": 1.0, "a": [1]}, "label": "x"}, "snapshot"))
    assert isinstance(found, Message)
    state = SnapshotIn(None, None, {"b": 1.0, "a": [1]}, b'{"a":[1],"b":1.0}', None, None, "x")
    assert list(found.records) == [state]


def test_an_empty_patch_is_none():
    found = decode(delivered({"type": "a", "patch": []}))
    assert isinstance(found, Message)
    assert found.records[0].patch is None


def test_of_a_key_twice_the_last_counts():
    found = decode(delivered(b'{"type":"A","type":"a","data":{"n":1,"n":2}}'))
    assert isinstance(found, Message)
    assert found.records[0].data == '{"n":2}'


def test_levels_are_counted_from_the_member_alone_and_in_a_batch():
    state = orjson.loads(b'{"n":' + nested(63) + b"}")
    assert isinstance(decode(delivered({"state": state}, "snapshot")), Message)
    batch = {"records": [{"kind": "snapshot", "state": state}]}
    assert isinstance(decode(delivered(batch, "batch")), Message)


@pytest.mark.parametrize(
    "headers", [ZSTD, {"content-encoding": " ZSTD "}, {"Content-Encoding": "zstd", "x": "y"}]
)
def test_a_compressed_message_is_unpacked(headers: dict[str, str]):
    assert isinstance(decode(delivered(zstandard.compress(EVENT), headers=headers)), Message)


@pytest.mark.parametrize(
    ("trace", "kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("", False),
        ("a\0b", False),
        ("\ud800", False),
        ("ü", False),
        ("x" * 257, False),
    ],
)
def test_a_trace_that_cannot_be_kept_costs_no_record(trace: str, kept: bool):
    found = decode(delivered(EVENT, headers={"traceparent": trace}))
    assert isinstance(found, Message)
    assert found.traceparent == (trace if kept else None)


any_headers = st.none() | st.dictionaries(
    st.sampled_from(["Content-Encoding", "content-encoding", "traceparent", "x"]),
    st.sampled_from(["zstd", "identity", ""]) | st.text(),
    max_size=2,
)
any_subjects = st.sampled_from([stored("default", "a", kind) for kind in KINDS]) | st.text()
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["records", "kind", "type", "id", "state", "patch", "causes", "op", "path"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def takes_or_refuses(message: Delivered) -> None:
    found = decode(message)
    assert found.stream_seq == message.stream_seq
    if isinstance(found, Rejection):
        assert found.reason
        assert isinstance(found.detail, str)


@given(st.binary(), any_headers, any_subjects)
@settings(max_examples=200)
def test_any_bytes_are_taken_or_refused(data: bytes, headers: Any, subject: str):
    takes_or_refuses(Delivered(3, AT, subject, headers, data))


@given(documents, st.sampled_from(KINDS), st.booleans())
@settings(max_examples=200)
def test_any_json_is_taken_or_refused(document: Any, kind: str, packed: bool):
    # Python's own writer, which writes NaN, lone surrogates and any integer.
    data = json.dumps(document).encode()
    message = delivered(
        zstandard.compress(data) if packed else data, kind, ZSTD if packed else None
    )
    takes_or_refuses(message)


@given(st.sampled_from([EVENT, b'{"state":{"a":[1,2.5,"x"]}}', b'{"records":[]}']), st.data())
@settings(max_examples=200)
def test_a_message_with_a_byte_changed_is_taken_or_refused(body: bytes, data):
    place = data.draw(st.integers(0, len(body) - 1))
    changed = body[:place] + bytes([data.draw(st.integers(0, 255))]) + body[place + 1 :]
    takes_or_refuses(delivered(changed, data.draw(st.sampled_from(KINDS))))
