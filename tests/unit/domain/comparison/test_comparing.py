"""What counts as a difference, with every option."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.compare import diff
from stratoscope.domain.comparison.comparing import compare, compare_next, difference, subject
from stratoscope.domain.comparison.options import PLAIN, options_of
from stratoscope.domain.comparison.weighing import weight
from stratoscope.domain.paths import MISSING, format
from support.documents import Json, pairs

Told = tuple[str, str, object, object]
GONE = "-"


def told(old: Json, new: Json, **options: Any) -> list[Told]:
    asked = options_of(options)
    found = compare(subject(old, asked), subject(new, asked), asked)
    return [
        (
            format(one.path),
            one.op,
            GONE if one.old is MISSING else one.old,
            GONE if one.new is MISSING else one.new,
        )
        for one in found.differences
    ]


def paths(old: Json, new: Json, **options: Any) -> list[str]:
    return [path for path, *_ in told(old, new, **options)]


def test_options_that_ask_for_nothing_are_none() -> None:
    assert options_of(None) is options_of({}) is PLAIN
    empty = options_of({"include_paths": [], "exclude_paths": [], "types": []})
    assert empty == PLAIN
    assert empty.is_exact
    assert not empty.reduces


def test_only_what_lies_at_included_places_is_compared() -> None:
    old: Json = {"a": {"b": 1, "c": 1}, "d": [1, {"e": 1}], "f": 1}
    new: Json = {"a": {"b": 2, "c": 2}, "d": [2, {"e": 2}], "f": 2}
    assert paths(old, new, include_paths=["a.b", "d[1]"]) == ["a.b", "d[1].e"]
    assert paths(old, new, include_paths=["*.*"]) == ["a.b", "a.c", "d[0]", "d[1].e"]
    assert paths(old, new, include_paths=[""]) == paths(old, new)


def test_a_container_on_the_way_to_nothing_makes_no_difference() -> None:
    assert told({}, {"a": {"c": 1}}, include_paths=["a.b"]) == []
    assert told({"a": 1}, {"a": {"c": []}}, include_paths=["a.b"]) == []
    assert told({}, {"a": {"b": 1, "c": 1}}, include_paths=["a.b"]) == [
        ("a", "added", GONE, {"b": 1})
    ]


def test_what_lies_at_excluded_places_is_not_compared() -> None:
    old: Json = {"a": {"id": 1, "c": 1}, "d": [{"id": 1, "n": 1}], "id": 1}
    new: Json = {"a": {"id": 2, "c": 1}, "d": [{"id": 2, "n": 2}], "id": 2}
    assert paths(old, new, exclude_paths=["**.id"]) == ["d[0].n"]
    assert paths(old, new, exclude_paths=["d", "a"]) == ["id"]
    assert paths(old, new, exclude_paths=[""]) == []
    assert paths(old, new, exclude_paths=["**.id"], include_paths=["d"]) == ["d[0].n"]


def test_an_excluded_element_leaves_the_others_where_they_are() -> None:
    assert paths([1, 2, 3], [9, 9, 9], exclude_paths=["[1]"]) == ["[0]", "[2]"]
    assert told([1], [1, 2, 3], exclude_paths=["[1]"]) == [("[2]", "added", GONE, 3)]
    assert told([1, 2], [1], exclude_paths=["[1]"]) == []
    # What is told of a part is without what was left out of it.
    assert told({}, {"a": [1, {"x": 1, "y": 2}]}, exclude_paths=["a[0]", "a[*].x"]) == [
        ("a", "added", GONE, [{"y": 2}])
    ]


def test_only_values_of_the_types_named_are_compared() -> None:
    old: Json = {"n": 1, "s": "x", "b": True, "l": [1, "x"], "o": {"z": None}}
    new: Json = {"n": 2, "s": "y", "b": False, "l": [2, "y"], "o": {"z": 1}}
    assert paths(old, new, types=["number"]) == ["l[0]", "n", "o"]
    assert paths(old, new, types=["string"]) == ["l[1]", "s"]
    assert paths(old, new, types=["boolean", "null"]) == ["b", "o"]
    assert told({"l": [5]}, {"l": ["x"]}, types=["number", "array"]) == [
        ("l[0]", "removed", 5, GONE)
    ]
    assert told({"l": ["x"]}, {"l": [5]}, types=["number", "array"]) == [("l[0]", "added", GONE, 5)]
    assert paths({"a": {}, "b": 1}, {"a": [], "b": 2}, types=["array", "object"]) == ["a"]


def test_numbers_that_differ_by_less_than_the_threshold_are_equal() -> None:
    old: Json = {"a": 1, "b": 1.0, "c": 10, "d": True, "e": "1"}
    new: Json = {"a": 1.4, "b": 1.5, "c": 9.6, "d": False, "e": "1.1"}
    assert paths(old, new, ignore_threshold=0.5) == ["b", "d", "e"]
    assert paths(old, new, ignore_threshold=0) == ["a", "b", "c", "d", "e"]
    assert paths({"a": 2**63}, {"a": 2**63 + 1}, ignore_threshold=1) == ["a"]


def test_digits_after_the_point_may_be_cut_off() -> None:
    old: Json = {"a": 1.234, "b": 1, "c": 0.004, "d": 2**63, "e": 5}
    new: Json = {"a": 1.231, "b": 1.001, "c": -0.004, "d": 2**63 + 1, "e": "5"}
    assert paths(old, new, significant_digits=2) == ["d", "e"]
    assert paths(old, new, significant_digits=3) == ["a", "b", "c", "d", "e"]
    assert paths({"a": 1.4, "b": 1}, {"a": 0.6, "b": 1.2}, significant_digits=0) == []
    assert paths({"a": 0.1}, {"a": 0.1 + 1e-17}, significant_digits=10**9) == ["a"]


def test_differences_below_the_depth_are_one_of_the_part_there() -> None:
    old: Json = {"a": {"b": {"c": 1, "d": 1}}, "e": 1, "l": [1]}
    new: Json = {"a": {"b": {"c": 2, "d": 2}}, "e": 2, "l": [1, 2]}
    assert told(old, new, max_depth=1) == [
        ("a", "modified", {"b": {"c": 1, "d": 1}}, {"b": {"c": 2, "d": 2}}),
        ("e", "modified", 1, 2),
        ("l", "modified", [1], [1, 2]),
    ]
    assert paths(old, new, max_depth=2) == ["a.b", "e", "l[1]"]
    asked = options_of({"max_depth": 1})
    shallow = compare(subject(old, asked), subject(new, asked), asked)
    assert shallow.similarity == compare(subject(old), subject(new)).similarity


def test_similarity_is_of_what_is_compared() -> None:
    asked = options_of({"exclude_paths": ["b"]})
    old, new = subject({"a": 1, "b": 1}, asked), subject({"a": 1, "b": 2}, asked)
    assert compare(old, new, asked).similarity == 1
    asked = options_of({"ignore_threshold": 2})
    old, new = subject({"a": 1}, asked), subject({"a": 2}, asked)
    assert compare(old, new, asked).similarity == 1


@given(pairs, st.sampled_from([{}, {"max_depth": 1}, {"exclude_paths": ["a"]}]))
def test_in_a_row_each_is_compared_as_by_itself(
    pair: tuple[Json, Json], options: dict[str, Any]
) -> None:
    asked = options_of(options)
    old, new = (subject(document, asked) for document in pair)
    assert compare_next(old, pair[1], asked) == (new, compare(old, new, asked))


def test_gaps_weigh_nothing() -> None:
    asked = options_of({"exclude_paths": ["[0]"]})
    assert subject([1, 2], asked).weight == weight([2]) == 1


def test_a_difference_needs_a_side() -> None:
    assert difference((), MISSING, MISSING) is None


@given(pairs, st.sampled_from([{"significant_digits": 400}, {"ignore_threshold": 1e-300}]))
def test_options_that_forgive_nothing_change_nothing(
    pair: tuple[Json, Json], options: dict[str, Any]
) -> None:
    old, new = pair
    assert paths(old, new, **options) == [format(one.path) for one in diff(old, new)]


@given(pairs)
def test_what_is_in_and_what_is_out_is_together_all(pair: tuple[Json, Json]) -> None:
    old, new = {"x": pair[0], "y": pair[1]}, {"x": pair[1], "y": pair[0]}
    everything = paths(old, new)
    within = paths(old, new, include_paths=["x"])
    assert within + paths(old, new, exclude_paths=["x"]) == everything
