"""Lists without order, as deepdiff compares them, and what must hold of any such comparison."""

import gc
from collections import Counter
from typing import Any

import pytest
from deepdiff import DeepDiff
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.domain.canonical import canonical
from stratoscope.domain.compare import diff
from stratoscope.domain.comparison import unordered as module
from stratoscope.domain.comparison.comparing import compare, subject
from stratoscope.domain.comparison.numbers import rounded
from stratoscope.domain.comparison.options import options_of
from stratoscope.domain.comparison.unordered import TooManyPasses, unordered
from stratoscope.domain.paths import MISSING, format
from support.documents import Json, documents, keys, pairs, scalars

WITHOUT_ORDER = options_of({"ignore_order": True})
Told = tuple[str, str]


def told(old: Json, new: Json, **options: Any) -> list[Told]:
    asked = options_of({"ignore_order": True} | options)
    found = compare(subject(old, asked), subject(new, asked), asked)
    return [(format(one.path), one.op) for one in found.differences]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([1, 2, 3], [3, 1, 2], []),
        ([1, 2, 2], [2, 1, 1], [("[2]", "modified")]),
        ([1, 1, 1], [1], [("[1]", "removed"), ("[2]", "removed")]),
        ([], [1, 1], [("[0]", "added"), ("[1]", "added")]),
        # Added where in the old list an element stands that became another.
        ([1, 1, 2, 2], [1, 1, 2, 1, 1], [("[3]", "added"), ("[3]", "modified")]),
        ([True], [1], [("[0]", "added"), ("[0]", "removed")]),
        ([1], [1.0], []),
        ({"__private": [1, "x"]}, {"__private": ["x", 2]}, [("__private[0]", "modified")]),
        ([{"n": 1, "t": [1, 2]}, {"n": 2}], [{"n": 2}, {"t": [2, 1], "n": 1}], []),
        (
            [{"n": "a", "hp": 5, "x": 1}, {"n": "b", "hp": 7, "x": 2}],
            [{"n": "b", "hp": 7, "x": 2}, {"n": "a", "hp": 6, "x": 1}],
            [("[0].hp", "modified")],
        ),
        ({"a": {}}, {"a": []}, [("a", "modified")]),
        # Elements at one index may be of different kinds.
        ([None, []], [[None]], [("[0]", "removed"), ("[0][0]", "added")]),
        (
            {"a": 1, "b": {"c": 1}},
            {"b": {"d": 1}},
            [("a", "removed"), ("b.c", "removed"), ("b.d", "added")],
        ),
    ],
)
def test_elements_are_the_same_wherever_they_stand(
    old: Json, new: Json, expected: list[Told]
) -> None:
    assert told(old, new) == expected


def test_the_values_told_are_those_that_were_recorded() -> None:
    (one,) = unordered([1, {"a": True, "b": 1.0}], [{"b": 2.5, "a": True}, 1], WITHOUT_ORDER)
    assert (one.path, one.op, one.old, one.new) == ((1, "b"), "modified", 1.0, 2.5)


def test_an_element_that_is_there_again_meets_another() -> None:
    twice: Json = {"a": 1, "b": 2}
    found = unordered([0, twice, twice], [{"a": 1, "b": 3}, 0, twice], WITHOUT_ORDER)
    assert [(one.path, one.op) for one in found] == [((2,), "modified")]


def test_order_goes_together_with_the_other_options() -> None:
    old: Json = [{"id": 1, "n": 1.001}, {"id": 2, "n": 2}]
    new: Json = [{"id": 3, "n": 2}, {"id": 4, "n": 1.002}]
    assert told(old, new, exclude_paths=["[*].id"], significant_digits=2) == []
    assert told([1, 5.0], [5.1, 1], ignore_threshold=0.5) == []
    assert told([1, "a", 2], ["b", 2, 1], types=["number"]) == []
    assert told([1, "a"], ["b", 2], types=["number"]) == [("[0]", "modified")]
    assert told([[1, 2], 3], [3, [2, 4]], max_depth=1) == [("[0]", "modified")]


def test_a_search_that_goes_too_far_is_not_told_as_a_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_PASSES", 1)
    many: Json = [{"n": n, "l": [n, [n]]} for n in range(8)]
    changed: Json = [{"n": n, "l": [n + 100, [n]]} for n in range(8)]
    with pytest.raises(TooManyPasses):
        unordered(many, changed, WITHOUT_ORDER)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_nothing_differs_where_both_hold_the_same_and_only_there(pair: tuple[Json, Json]) -> None:
    old, new = pair
    assert (unordered(old, new, WITHOUT_ORDER) == []) == (sorted_out(old) == sorted_out(new))


@settings(max_examples=40, deadline=None)
@given(documents, st.randoms(use_true_random=False))
def test_shuffled_lists_are_the_same(document: Json, random: Any) -> None:
    assert unordered(document, shuffled(document, random), WITHOUT_ORDER) == []


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_may_run_at_any_time(enabled: bool) -> None:
    """One that ran within an insertion into deepdiff's cache would never end."""
    was_enabled, thresholds = gc.isenabled(), gc.get_threshold()
    try:
        (gc.enable if enabled else gc.disable)()
        gc.set_threshold(1, 1, 1)
        changed = told([{"n": n, "m": 0} for n in range(9)], [{"n": n, "m": 1} for n in range(9)])
        assert gc.isenabled() is enabled
    finally:
        gc.set_threshold(*thresholds)
        (gc.enable if was_enabled else gc.disable)()
    assert changed == [(f"[{n}].m", "modified") for n in range(9)]


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=8),
    st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=8),
)
def test_without_lists_it_finds_what_the_plain_differ_finds(old: Json, new: Json) -> None:
    assert spelled(unordered(old, new, WITHOUT_ORDER)) == spelled(diff(old, new))


@settings(max_examples=60, deadline=None)
@given(st.lists(scalars, max_size=6), st.lists(scalars, max_size=6))
def test_of_plain_elements_as_many_come_and_go_as_there_are_more_or_less(
    old: list[Json], new: list[Json]
) -> None:
    found = unordered(old, new, WITHOUT_ORDER)
    gone = Counter(sorted_out(one.old) for one in found if one.op != "added")
    came = Counter(sorted_out(one.new) for one in found if one.op != "removed")
    ours, theirs = Counter(map(sorted_out, old)), Counter(map(sorted_out, new))
    assert gone == ours - theirs
    assert came == theirs - ours


@settings(max_examples=100, deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.integers(0, 8),
)
def test_numbers_are_cut_as_deepdiff_cuts_them(old: float, new: float, digits: int) -> None:
    theirs = DeepDiff(old, new, significant_digits=digits)
    assert (rounded(old, digits) == rounded(new, digits)) == (not theirs)


def spelled(found: Any) -> list[tuple[Any, ...]]:
    return [(one.path, one.op, repr(one.old), repr(one.new)) for one in found]


def sorted_out(value: Json) -> str:
    """The same text for what is the same without order; numbers by value, true is not 1."""
    if value is MISSING:
        return "missing"
    if isinstance(value, dict):
        return str({key: sorted_out(value[key]) for key in sorted(value)})
    if isinstance(value, list):
        return str(sorted(map(sorted_out, value)))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return canonical(value).decode()


def shuffled(value: Json, random: Any) -> Json:
    if isinstance(value, dict):
        return {key: shuffled(inner, random) for key, inner in value.items()}
    if isinstance(value, list):
        inside = [shuffled(inner, random) for inner in value]
        random.shuffle(inside)
        return inside
    return value


@pytest.mark.parametrize("number", [2.0**64, 2.0**70, -(2.0**64), 1.7976931348623157e308])
def test_doubles_beyond_every_integer_are_compared(number: float) -> None:
    assert unordered([number, 1], [1, number], options_of({})) == []
    assert unordered([number], [1], options_of({}))
