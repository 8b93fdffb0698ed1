"""When two JSON values are the same value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.equality import equal


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (None, None),
        (1, 1.0),
        (0.0, -0.0),
        (2**53, float(2**53)),
        ([1, {"a": [2.0]}], [1.0, {"a": [2]}]),
        ({"a": 1, "b": True}, {"b": True, "a": 1}),
    ],
)
def test_numbers_are_equal_by_what_they_measure(left: Any, right: Any) -> None:
    assert equal(left, right)
    assert equal(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (True, 1),
        (False, 0.0),
        ([[True]], [[1]]),
        ({"a": 0}, {"a": False}),
        (None, False),
        ("1", 1),
        ("", None),
        ([], {}),
        ([1], [1, 2]),
        ([1, 2], [2, 1]),
        ({"a": None}, {}),
        ({"a": 1}, {"b": 1}),
        (2**53 + 1, float(2**53)),
    ],
)
def test_values_of_another_kind_differ(left: Any, right: Any) -> None:
    assert not equal(left, right)
    assert not equal(right, left)


def test_a_part_that_both_share_is_not_looked_at() -> None:
    shared = {"n": float("nan")}

    assert equal([shared], [shared])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_a_document_equals_its_copy(document: Any) -> None:
    assert equal(document, copied(document))


def copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copied(value[key]) for key in reversed(value)}
    return [copied(item) for item in value] if isinstance(value, list) else value
