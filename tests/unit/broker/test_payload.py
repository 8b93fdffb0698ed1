"""The contract's rules for JSON, held against a slow walker that shares nothing with them."""

from __future__ import annotations

import datetime
import json
import math
import uuid
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.broker import payload
from stratoscope.broker.payload import (
    PayloadRejected,
    Reason,
    check_json,
    check_metadata,
    decode_record_json,
    encode_canonical,
    unpack,
    unpacked_size,
)
from stratoscope_contracts.words import MAX_JSON_VALUES, MAX_UNPACKED_BYTES


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"in": value}
    return value


def naive_refuses(value: Any) -> bool:
    """The rules of section 2, read aloud."""
    if isinstance(value, str):
        return "\x00" in value or any(0xD800 <= ord(char) <= 0xDFFF for char in value)
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int):
        return not -(2**63) <= value <= 2**64 - 1
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, list):
        return any(naive_refuses(item) for item in value)
    return any(naive_refuses(key) or naive_refuses(item) for key, item in value.items())


texts = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["\x00", "\\u0000", "\ud800", "a\udfff", "🜁", "null", "{[{[", '"', "\\"]),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30, 10**400]),
    st.floats(allow_nan=False),
    texts,
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None)
@given(documents, st.booleans())
def test_bytes_are_taken_exactly_when_the_naive_walker_takes_them(value: Any, ascii_: bool) -> None:
    """Suspicion from raw bytes never misses what breaks a rule and never refuses what does not."""
    text = json.dumps(value, ensure_ascii=ascii_).replace("Infinity", "1e999")
    body = text.encode("utf-8", "surrogatepass")
    if naive_refuses(value):
        with pytest.raises(PayloadRejected):
            decode_record_json(body)
    else:
        assert decode_record_json(body) == value


@settings(max_examples=400, deadline=None)
@given(documents)
def test_values_are_taken_exactly_when_the_naive_walker_takes_them(value: Any) -> None:
    """What the recorder may send is what intake takes, and it comes back the same."""
    if naive_refuses(value):
        with pytest.raises(PayloadRejected):
            encode_canonical(value)
        with pytest.raises(PayloadRejected):
            check_json(value)
    else:
        check_json(value)
        encoded = encode_canonical(value)
        assert decode_record_json(encoded) == value
        assert encode_canonical(decode_record_json(encoded)) == encoded


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b"{", Reason.NOT_JSON),
        (b'{"a":1} x', Reason.NOT_JSON),
        (b"NaN", Reason.NOT_JSON),
        (b'{"a":-Infinity}', Reason.NOT_JSON),
        (b'"\xff"', Reason.NOT_JSON),
        (b'"a\x00b"', Reason.NOT_JSON),
        (b"\xef\xbb\xbf{}", Reason.NOT_JSON),
        (b'["a\\u0000b"]', Reason.NUL),
        (b'{"a\\u0000b":1}', Reason.NUL),
        (b'["\\ud800"]', Reason.LONE_SURROGATE),
        (b"[1e400]", Reason.NOT_FINITE),
        (b"[18446744073709551616]", Reason.NUMBER_OUT_OF_RANGE),
        (b"[-9223372036854775809]", Reason.NUMBER_OUT_OF_RANGE),
        (b"[" + b"9" * 5000 + b"]", Reason.NUMBER_OUT_OF_RANGE),
        (b"[" * 20_000, Reason.TOO_DEEP),
        (b"[" * 20_000 + b"]" * 20_000, Reason.TOO_DEEP),
        (b"[" * 500 + b"]" * 500, Reason.TOO_DEEP),
    ],
)
def test_a_refusal_names_the_rule_that_was_broken(body: bytes, reason: Reason) -> None:
    """The reason is short, stable and true: it becomes the dead letter's header."""
    with pytest.raises(PayloadRejected) as refused:
        decode_record_json(body)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "body",
    [
        b'["\\\\u0000"]',
        b"[18446744073709551615,-9223372036854775808]",
        b"[0.12345678901234567890123]",
        b'["11111111111111111111111111111111"]',
        b"[" + b'{"a":1},' * 500 + b"1]",
    ],
)
def test_what_only_looks_suspicious_is_taken(body: bytes) -> None:
    """A suspicion that comes to nothing costs time, never a record."""
    assert decode_record_json(body) == json.loads(body)


def test_the_last_of_two_equal_keys_counts() -> None:
    """As the contract has it, and as Postgres does."""
    assert decode_record_json(b'{"a":1,"a":2}') == {"a": 2}


@pytest.mark.parametrize(("levels", "taken"), [(64, True), (65, False)])
def test_levels_are_counted_from_the_members_of_a_record(levels: int, taken: bool) -> None:
    """A state that is taken alone is taken in a batch, and the recorder draws the same line."""
    snapshot = {"state": nested(levels)}
    for record in (snapshot, {"records": [{"kind": "snapshot", **snapshot}]}):
        body = json.dumps(record).encode()
        if taken:
            assert decode_record_json(body) == record
        else:
            with pytest.raises(PayloadRejected, match="too_deep"):
                decode_record_json(body)
    if taken:
        check_json(nested(levels))
        encode_canonical(nested(levels))
    else:
        with pytest.raises(PayloadRejected, match="too_deep"):
            check_json(nested(levels))
        with pytest.raises(PayloadRejected, match="too_deep"):
            encode_canonical(nested(levels))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1, {2, 3}]}, "at 'a[1]': a set is not"),
        ({"when": datetime.date(2026, 1, 1)}, "at 'when': a date is not"),
        ({"a": {1: 2}}, "at 'a': key 1 is a int"),
        ({"a": b"x"}, "at 'a': a bytes is not"),
        ({"a": [float("nan")]}, r"at 'a\[0\]': nan is no finite"),
        ({"a": {"b": 2**64}}, "at 'a.b': an integer outside"),
        ({"a": "x\x00"}, "at 'a': text with a NUL"),
        ({"a": "\ud800"}, "at 'a': text with a lone surrogate"),
        (object(), "at the root: a object is not"),
    ],
)
def test_a_value_that_is_not_json_is_refused_with_its_path(value: Any, words: str) -> None:
    """The caller's bug is shown where it is."""
    with pytest.raises(PayloadRejected, match=words.replace("[1]", r"\[1\]")):
        encode_canonical(value)


def test_a_document_that_contains_itself_is_refused_quickly() -> None:
    """Twice in itself would be two to the power of 64 elements to a walk level by level."""
    value: list[Any] = []
    value.extend([value, value])
    with pytest.raises(PayloadRejected, match="too_deep"):
        encode_canonical(value)


def test_canonical_json_sorts_keys_by_code_point_and_keeps_the_spelling_of_numbers() -> None:
    """An integer stays an integer, and 1.0 stays 1.0."""
    value = {"b": 1, "a": 1.0, "é": None, "Z": [True, "ü"], "id": uuid.UUID(int=0)}
    expected = '{"Z":[true,"ü"],"a":1.0,"b":1,"id":"00000000-0000-0000-0000-000000000000","é":null}'
    assert encode_canonical(value).decode() == expected


def test_metadata_over_its_limit_is_refused() -> None:
    """16 KiB of canonical JSON is the last size that is taken."""
    check_metadata({"a": "x" * (16_384 - len('{"a":""}'))})
    with pytest.raises(PayloadRejected, match="metadata_too_large"):
        check_metadata({"a": "x" * (16_385 - len('{"a":""}'))})


def test_a_body_is_unpacked_by_its_encoding() -> None:
    """None and identity are the body itself; header names are compared without case."""
    body = b'{"type":"x"}'
    packed = zstandard.compress(body)
    assert unpack(body, None) == body
    assert unpack(body, {"Nats-Msg-Id": "x"}) == body
    assert unpack(body, {"Content-Encoding": "identity"}) == body
    assert unpack(packed, {"Content-Encoding": "zstd"}) == body
    assert unpack(packed + packed, {"content-encoding": "ZSTD"}) == body + body


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (b"{}", "br", Reason.UNKNOWN_ENCODING),
        (b"{}", "zstd", Reason.DAMAGED_ENCODING),
        (zstandard.compress(bytes(MAX_UNPACKED_BYTES + 1)), "zstd", Reason.TOO_LARGE),
        (zstandard.compress(bytes(512 * 1024 * 1024)), "zstd", Reason.TOO_LARGE),
        (bytes(MAX_UNPACKED_BYTES + 1), "", Reason.TOO_LARGE),
    ],
    ids=["unknown", "damaged", "over", "bomb", "plain"],
)
def test_a_body_that_cannot_be_unpacked_is_refused(
    body: bytes, encoding: str, reason: Reason
) -> None:
    """A frame's own claims are not believed, and no more than the limit is ever held."""
    with pytest.raises(PayloadRejected) as refused:
        unpack(body, {"Content-Encoding": encoding})
    assert refused.value.reason is reason


def test_what_a_body_unpacks_to_is_known_beforehand() -> None:
    packed = zstandard.ZstdCompressor()
    streamed = packed.compressobj()
    body, zstd = b"x" * 100_000, {"content-encoding": "zstd"}
    unsized = streamed.compress(body) + streamed.flush()
    assert unpacked_size(body, None) == len(body)
    assert unpacked_size(body, {"Content-Encoding": "identity"}) == len(body)
    assert unpacked_size(packed.compress(body), zstd) == len(body)
    assert len(unsized) < unpacked_size(unsized, zstd) <= MAX_UNPACKED_BYTES
    assert unpacked_size(b"junk", zstd) == 4
    assert unpacked_size(packed.compress(b" " * (2 * MAX_UNPACKED_BYTES)), zstd) == (
        MAX_UNPACKED_BYTES
    )


@pytest.mark.parametrize("value", [b"1", b'{"a":1}', b"[]", b'"[,{,"', b"{ }"])
def test_more_values_than_the_contract_takes_are_refused_before_they_are_decoded(
    value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = 2 if value == b'{"a":1}' else 1
    count = (MAX_JSON_VALUES - 2) // each
    body = b'{"a":[' + b",".join([value] * count) + b"]}"
    payload.check_value_count(body)
    monkeypatch.setattr("orjson.loads", None)
    with pytest.raises(PayloadRejected) as refused:
        decode_record_json(body.replace(b"[", b"[0,0,0,", 1))
    assert refused.value.reason is Reason.TOO_MANY_VALUES
