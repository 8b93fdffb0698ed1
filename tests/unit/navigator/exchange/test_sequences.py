"""`binary`: a CBOR sequence that has what JSON has, and nothing else."""

import cbor2
import pytest
import zstandard

from stratoscope.navigator.exchange.formats import sequences
from stratoscope.navigator.exchange.formats.entries import Bounds
from support.exports import START, damage, told


def packed(*items: bytes, mark: bytes = b"\xd9\xd9\xf7") -> bytes:
    return zstandard.compress(mark + b"".join(items))


def item(content: bytes) -> bytes:
    return b"\xd8\x18" + cbor2.dumps(content)


def test_any_length_that_a_byte_string_may_have_is_read():
    short = item(cbor2.dumps(["head", {}]))
    longer = item(cbor2.dumps(["session", {"x": "y" * 300}]))
    found = told(packed(short, longer))
    assert found == [("head", {}), ("session", {"x": "y" * 300})]


@pytest.mark.parametrize(
    "item",
    [
        cbor2.dumps(["head", {}]),
        b"\xd8\x18\x5f\x41\x00\xff",
        b"\xd8\x18\x5b" + (100 << 30).to_bytes(8, "big"),
        b"\xd8\x18\x5a" + (1 << 31).to_bytes(4, "big"),
        b"\xd8\x18\x60",
        b"\xd8",
    ],
    ids=["bare", "indefinite", "100 GB", "2 GB", "text", "cut"],
)
def test_an_item_that_is_not_embedded_or_too_long_is_damage(item: bytes):
    assert damage(packed(item))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        cbor2.dumps(["head"]),
        cbor2.dumps(["unknown", {}]),
        cbor2.dumps(["head", []]),
        cbor2.dumps(["head", {}]) + b"\x00",
        cbor2.dumps(["head", {"x": 1}])[:-1],
        cbor2.dumps(["head", {1: 2}]),
        cbor2.dumps(["head", {"x": b"bytes"}]),
        cbor2.dumps(["head", {"x": float("nan")}]),
        cbor2.dumps(["head", {"x": float("inf")}]),
        cbor2.dumps(["head", {"x": 2**64}]),
        cbor2.dumps(["head", {"x": cbor2.undefined}]),
        cbor2.dumps(["head", {"x": START}]),
        cbor2.dumps(["head", {"x": -(2**64)}]),
        b"\x82\x64head\xa2\x61x\x01\x61x\x02",
        b"\x82\x64head\xa1\x61x\xd8\x1c\x81\xd8\x1d\x00",
        b"\x82\x64head\xa1\x61x\x9f\xff",
        b"\x82\x64head\xa1\x61x\x9b\x00\x00\x00\xff\xff\xff\xff\xff",
        b"\x82\x64head\xa1\x61x\x63\xed\xa0\x80",
        b"\x82\x64head\xa1\x61x" + b"\x81" * 5000 + b"\x00",
    ],
)
def test_what_json_does_not_have_is_damage(content: bytes):
    assert damage(packed(item(content)))


def test_numbers_that_grow_as_json_are_bounded_too():
    narrow = item(cbor2.dumps(["head", {"x": [1e300] * 300}], canonical=False))
    wide = item(b"\x82\x64head\xa1\x61x\x99\x01\x00" + b"\xfa\x7f\x7f\xff\xff" * 256)
    assert told(packed(wide))
    assert "as JSON" in damage(packed(wide), Bounds(entry_bytes=1500))
    assert told(packed(narrow))


def test_more_values_than_a_record_may_have_are_not_decoded(monkeypatch):
    monkeypatch.setattr(sequences, "FEWEST_BYTES", 100)
    monkeypatch.setattr(sequences, "_MOST_ITEMS", 600)
    value = {"long": "x" * 70_000, "more": ["y" * 300, 1.5, -70_000, None], "bytes": [{}] * 500}
    fits = cbor2.dumps(["head", value])
    assert told(packed(item(fits)), Bounds(entry_bytes=1 << 20)) == [("head", value)]
    monkeypatch.setattr(cbor2, "CBORDecoder", None)
    empty = cbor2.dumps(["head", {"a": [{}] * 700}])
    assert "an entry of more than" in damage(packed(item(empty)))
    lying = b"\x82\x64head\xa1\x61a\x9b" + b"\x7f" * 8 + b"\xa0" * 700
    assert "an entry of more than" in damage(packed(item(lying)))
