"""The field index names, for every version, where it differs from the one before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.canonical import canonical
from stratoscope.domain.equality import equal
from stratoscope.domain.fields import (
    MAX_PATH_BYTES,
    MAX_PATHS_A_VERSION,
    changed_paths,
    numbered,
    parents,
    shortened,
)
from stratoscope.domain.paths import MISSING, get, parse

_NUMBERS = st.integers(-3, 3) | st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0, 2**53, 2.0**53])
_SCALARS = st.none() | st.booleans() | _NUMBERS | st.sampled_from(["", "a", "b.c"])
_DOCUMENTS = st.dictionaries(
    st.sampled_from("abcd"),
    st.recursive(
        _SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner),
        max_leaves=12,
    ),
)


def _same(old: object, new: object) -> bool:
    if old is MISSING or new is MISSING:
        return old is new
    return equal(old, new)


def _spelled(value: object) -> bytes | None:
    return None if value is MISSING else canonical(value)


@given(_DOCUMENTS, _DOCUMENTS, st.integers(1, 8))
def test_a_field_that_no_row_lies_at_above_or_below_is_unchanged_to_the_letter(
    old: dict[str, Any], new: dict[str, Any], limit: int
) -> None:
    paths = changed_paths(old, new, limit)
    assert len(paths) <= limit
    for field in ["a", "b", "a.b", "a[0]", "c.d.a", "d[1].b"]:
        asked = parse(field)
        touched = any(asked[: len(path)] == path[: len(asked)] for path in paths)
        if not touched:
            assert _spelled(get(old, asked)) == _spelled(get(new, asked))


@given(_DOCUMENTS, _DOCUMENTS, st.integers(1, 8))
def test_a_row_at_or_below_a_field_other_than_the_root_is_a_change_of_it(
    old: dict[str, Any], new: dict[str, Any], limit: int
) -> None:
    for path in changed_paths(old, new, limit):
        for length in range(1, len(path) + 1):
            field = path[:length]
            assert not _same(get(old, field), get(new, field))


def test_equal_states_have_no_rows() -> None:
    assert changed_paths({"a": [1], "b": 2}, {"b": 2, "a": [1]}) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": [1]}, {"a": [1.0]}),
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": 0}, {"a": -0.0}),
        ({"a": [[[[[[[[[1]]]]]]]]]}, {"a": [[[[[[[[[1.0]]]]]]]]]}),
        ({"a": [[[[[[[[[0.0]]]]]]]]]}, {"a": [[[[[[[[[-0.0]]]]]]]]]}),
    ],
)
def test_what_only_spells_a_number_anew_has_a_row_at_the_root(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert changed_paths(old, new) == ((),)
    assert changed_paths(old, new | {"b": 1}) == ((), ("b",))


def test_a_state_that_changes_wholesale_costs_a_bounded_number_of_rows() -> None:
    old = {"items": [{"n": i} for i in range(1000)], "goal": "x"}
    new = {"items": [{"n": i + 1} for i in range(1000)], "goal": "y"}
    assert changed_paths(old, new) == (("goal",), ("items",))
    many = {str(i): i for i in range(MAX_PATHS_A_VERSION + 1)}
    assert changed_paths({}, many) == ((),)


def test_the_deepest_paths_are_cut_first() -> None:
    paths = [("a", "b", "c"), ("a", "b", "d"), ("e",)]
    assert shortened(paths, 2) == (("a", "b"), ("e",))
    assert shortened(paths, 1) == ((),)
    assert shortened([], 1) == ()


def test_paths_keep_their_numbers_and_new_ones_get_the_next() -> None:
    numbers: dict[str, int] = {}
    first = numbered([("a",), ("b", 0)], numbers)
    assert first.numbers == (0, 1)
    assert first.new == ((0, "a"), (1, "b[0]"))
    again = numbered([("b", 0), ("c",)], numbers)
    assert again.numbers == (1, 2)
    assert again.new == ((2, "c"),)


def test_past_the_bound_a_path_counts_as_its_nearest_parent() -> None:
    numbers = {"log": 0, "goal": 1}
    found = numbered([("log", 7, "text"), ("goal",)], numbers, limit=2)
    assert found == type(found)((0, 1), ())


def test_past_the_bound_a_path_without_a_known_parent_counts_as_the_root() -> None:
    numbers = {"log": 0}
    found = numbered([("x",), ("y",)], numbers, limit=1)
    assert found.numbers == (1,)
    assert found.new == ((1, ""),)
    assert numbered([("z", "z")], numbers, limit=1).numbers == (1,)


def test_a_path_with_a_text_over_the_bound_counts_as_its_nearest_parent_below_it() -> None:
    """Two paths may then be one; a key of any length is still found, at worst at the root."""
    long = "ü" * (MAX_PATH_BYTES // 2 + 1)
    numbers: dict[str, int] = {}
    found = numbered([("a", long), ("a", long, "b"), ("a", "x"), (long,)], numbers)
    assert found.new == ((0, "a"), (1, "a.x"), (2, ""))
    assert found.numbers == (0, 1, 2)
    assert all(len(text.encode()) <= MAX_PATH_BYTES for text in numbers)


def test_the_parents_of_a_path_begin_with_the_root() -> None:
    assert parents(("a", 0, "b")) == ("", "a", "a[0]")
    assert parents(()) == ()
