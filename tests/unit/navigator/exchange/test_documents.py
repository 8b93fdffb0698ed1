"""`json`: a document of any size and layout, read within bounds."""

import io
import tracemalloc
from functools import partial

import pytest

from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats import read, scanning
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope_contracts.value_count import has_too_many_values
from support.exports import BOUNDS, damage


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"head":{}', "has to follow"),
        (b'{"head":{},}', "has to follow"),
        (b'{"head":[]}', "an object has to follow"),
        (b'{"head":1}', "an object has to follow"),
        (b'{"records":{}}', "'[' has to follow"),
        (b'{"records":[1]}', "an object has to follow"),
        (b'{"records":[{},]}', "an object has to follow"),
        (b'{"unknown":{}}', "no member of an export"),
        (b'{"' + b"x" * 100 + b'":{}}', "no member of an export"),
        (b'{"head', "no member of an export"),
        (b'{"head":{"a":"', "it ends within an entry"),
        (b'{"data":[{}],"data":[{}]}', "a second member of this name"),
        (b'{"head":{}}{}', "something follows"),
    ],
)
def test_what_is_no_document_is_damage(text: bytes, said: str):
    assert said in damage(text)


def test_a_line_that_never_ends_is_not_read_to_its_end():
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            self.taken += size
            return b" " * size if self.taken > 1 << 20 else b'{"head":{"a":"' + b"x" * size

        def seek(self, *_: int) -> int:
            self.taken = 0
            return 0

    endless = Endless()
    with pytest.raises(Damaged):
        list(read(endless, Bounds(entry_bytes=100_000, all_bytes=10 << 20)))  # type: ignore[arg-type]  # as far as it is read
    assert endless.taken < 12 << 20


def test_deep_nesting_is_left_to_who_parses_it():
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    (found,) = list(read(io.BytesIO(b'{"head":' + deep + b"}"), BOUNDS))
    assert found.raw == deep


def test_escapes_without_end_take_no_memory():
    entry = b'{"a":"' + b'\\"' * 300_000 + b'"\n}'
    document = io.BytesIO(b'{"head":' + entry + b"}")
    tracemalloc.start()
    try:
        (found,) = read(document, BOUNDS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.raw == entry
    # To be able to go back took a hundred bytes an escape.
    assert peak < 20_000_000


@pytest.mark.parametrize("end", [b"\n}", b""])
def test_more_values_than_a_record_may_have_are_not_decoded(end: bytes, monkeypatch):
    counted = partial(has_too_many_values, limit=50)
    monkeypatch.setattr(scanning, "has_too_many_values", counted)
    monkeypatch.setattr(scanning, "_MOST_BRACKETS", 100)
    text = b'{"head":{"a":[' + b",".join([b"{}"] * 60)
    assert "an entry of more than" in damage(text + b"]}" + end)
    assert "an entry of more than" in damage(text + b"\n]}" + end)
