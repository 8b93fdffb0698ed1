"""One document has one spelling, and the spelling gives the document back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.canonical import DIGEST_BYTES, canonical, decoded, digest

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)))
)
keys = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
)


def shape(value: object) -> object:
    """A value with its types: 1, 1.0 and true are equal in Python, and -0.0 is 0.0."""
    match value:
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case list():
            return [shape(item) for item in value]
        case _:
            return type(value), repr(value)


@given(documents)
def test_a_document_comes_back_with_its_types(document: object):
    assert shape(decoded(canonical(document))) == shape(document)


@given(documents)
def test_a_spelling_is_its_own_spelling(document: object):
    raw = canonical(document)
    assert canonical(decoded(raw)) == raw


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_has_no_more_digits_than_it_needs(number: float):
    def digits(text: str) -> str:
        return text.partition("e")[0].replace(".", "").strip("-0")

    assert digits(canonical(number).decode()) == digits(repr(number))


@given(st.dictionaries(keys, st.integers(-5, 5), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_members_is_not_seen(document: dict[str, int], random):
    members = list(document.items())
    random.shuffle(members)
    assert canonical(dict(members)) == canonical(document)


@given(st.dictionaries(keys, st.none() | st.integers(-(2**63), 2**64 - 1) | keys, max_size=8))
def test_it_is_what_any_json_library_writes_sorted_by_code_point_without_spaces(document: object):
    other = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical(document) == other.encode()


@pytest.mark.parametrize(
    ("document", "spelled"),
    [
        ({"b": 1, "a": [1.0, 1, -0.0, True, None]}, b'{"a":[1.0,1,-0.0,true,null],"b":1}'),
        ({"é": "ü€", "z": "\u2028"}, '{"z":"\u2028","é":"ü€"}'.encode()),
        # By code point, and not by UTF-16 units, which would put the emoji first.
        ({"\uffff": 1, "😀": 2}, '{"\uffff":1,"😀":2}'.encode()),
        (2**64 - 1, b"18446744073709551615"),
        (-(2**63), b"-9223372036854775808"),
        (0.1 + 0.2, b"0.30000000000000004"),
    ],
)
def test_documents_are_spelled_as_the_contract_says(document: object, spelled: bytes):
    assert canonical(document) == spelled


@given(st.binary(), st.binary())
def test_a_digest_is_short_and_tells_documents_apart(one: bytes, other: bytes):
    assert len(digest(one)) == DIGEST_BYTES
    assert (digest(one) == digest(other)) == (one == other)
