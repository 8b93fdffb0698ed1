"""Whatever goes into a format comes out of it, and nothing else is taken."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats import read, writer
from stratoscope.navigator.exchange.formats.entries import Bounds, Entry
from stratoscope_contracts.sessions import ExportFormat
from support.exports import (
    BOUNDS,
    FORMS,
    START,
    Members,
    damage,
    document,
    entries,
    event,
    file,
    spelled,
    told,
)

RECORDS = [event(0, 1, data={"a": [1, 1.0, 'ä\n"}]{[', None, -0.0, 2**64 - 1]}), event(1, 2)]

_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | _texts
    | st.floats(allow_nan=False, allow_infinity=False)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner),
    max_leaves=8,
)
_objects = st.dictionaries(_texts, _values, max_size=3)
_members = st.builds(
    lambda breakpoints, data, records: [
        ("head", {}),
        ("session", {"x": 1}),
        *(("breakpoints", one) for one in breakpoints),
        *(("data", one) for one in data),
        *(("records", one) for one in records),
        ("end", {}),
    ],
    st.lists(_objects, max_size=2),
    st.lists(_objects, max_size=2),
    st.lists(_objects, max_size=5),
)


@pytest.mark.parametrize("form", FORMS)
@given(members=_members, piece=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read(form: ExportFormat, members: Members, piece: int):
    writing = writer(form, START)
    given = entries(members)
    parts = [writing.write(given[at : at + piece]) for at in range(0, len(given), piece)]
    assert told(b"".join(parts) + writing.finish()) == members


@given(_members, st.sampled_from([None, 0, 3]), st.sampled_from(["", "\n", " \t\r\n"]))
@settings(max_examples=60, deadline=None)
def test_a_document_may_be_laid_out_in_any_way(members: Members, indent: int | None, space: str):
    whole: dict[str, Any] = {}
    for member, value in members:
        if member in ("head", "session", "end"):
            whole[member] = value
        else:
            whole.setdefault(member, []).append(value)
    text = space + json.dumps(whole, indent=indent) + space
    assert told(text.encode()) == members


def test_an_empty_list_is_nothing():
    assert told(b'{"head":{},"records":[ ],"end":{}}') == [("head", {}), ("end", {})]


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_export_is_damage_wherever_it_is_cut(form: ExportFormat):
    whole = spelled(document(RECORDS), form)
    # What ends a frame, or follows the end of a document, may be missing: all of it is there.
    for length in range(0, len(whole) - 5, 7):
        try:
            found = told(whole[:length])
        except Damaged:
            continue
        assert found[-1][0] != "end", length


@pytest.mark.parametrize("form", FORMS)
def test_what_follows_the_end_is_damage(form: ExportFormat):
    assert damage(spelled(document(RECORDS), form) + b"x")


@pytest.mark.parametrize("form", FORMS)
def test_an_entry_is_no_larger_than_its_bound(form: ExportFormat):
    members = document([event(0, 1, data={"x": "y" * 5000}), event(1, 2)])
    small = Bounds(entry_bytes=2000, all_bytes=1 << 20)
    assert "an entry of" in damage(spelled(members, form), small)
    assert told(spelled(members, form)) == members


@pytest.mark.parametrize("form", FORMS)
def test_all_of_it_is_no_larger_than_its_bound(form: ExportFormat):
    members = document([event(n, n + 1, data={"x": "y" * 1000}) for n in range(200)])
    few = Bounds(entry_bytes=10_000, all_bytes=100_000)
    assert "more than 100000 bytes" in damage(spelled(members, form), few)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"[]", b"\xef\xbb\xbf{}", b"nothing"])
def test_another_kind_of_file_is_no_export(data: bytes):
    assert damage(data)


def test_a_file_is_read_from_its_beginning():
    source = file(document(RECORDS))
    source.read(10)
    assert next(read(source, BOUNDS)) == Entry("head", orjson.dumps(document(RECORDS)[0][1]))
