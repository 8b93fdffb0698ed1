"""How much two documents differ, and how much of them is the same."""

import pytest
from hypothesis import given

from stratoscope.domain.comparison.comparing import compare, subject
from stratoscope.domain.comparison.options import CATEGORIES, PLAIN, Options, options_of
from stratoscope.domain.comparison.summing import Summary, summary
from stratoscope.domain.comparison.weighing import similarity, weight
from stratoscope.domain.equality import equal
from support.documents import Json, documents, pairs

Path = tuple[str | int, ...]


def summed(old: Json, new: Json, options: Options = PLAIN) -> Summary:
    return summary(compare(subject(old, options), subject(new, options), options), options)


def score(old: Json, new: Json) -> float:
    return summed(old, new).similarity_score


@pytest.mark.parametrize(
    ("old", "new", "category"),
    [
        ({"a": 1}, {"a": 2}, "value"),
        ({"a": 1}, {"a": 1.5}, "value"),
        ({"a": "x"}, {"a": "xy"}, "value"),
        ({"a": True}, {"a": False}, "value"),
        ({"a": 1}, {"a": "1"}, "type"),
        ({"a": 1}, {"a": True}, "type"),
        ({"a": None}, {"a": 0}, "type"),
        ({"a": 1}, {"a": [1]}, "structural"),
        ({"a": {}}, {"a": None}, "structural"),
        ({"a": {}}, {"a": []}, "structural"),
        ({"a": 1}, {}, "structural"),
        ({}, {"a": {"b": 1}}, "structural"),
        ([], [1], "size"),
        ({"a": [1, {}]}, {"a": [1]}, "size"),
        ({"metadata": {"a": 1}}, {"metadata": {"a": 2}}, "metadata"),
        ({"x": [{"metadata": 1}]}, {"x": [{"metadata": []}]}, "metadata"),
        ({}, {"metadata": 1}, "metadata"),
        ({"metadatum": 1}, {"metadatum": 2}, "value"),
    ],
)
def test_a_difference_counts_in_the_first_category_that_fits(
    old: Json, new: Json, category: str
) -> None:
    counted = summed(old, new).change_categories
    assert counted == {name: int(name == category) for name in CATEGORIES}


def test_own_categories_come_before_the_others_in_the_order_given() -> None:
    options = options_of(
        {"categories": {"money": ["account.*"], "all": ["account", "**.id"], "size": ["n"]}}
    )
    old: Json = {"account": {"sum": 1}, "id": 1, "n": 1, "x": 1}
    new: Json = {"account": {"sum": 2, "of": {"y": 1}}, "id": 2, "n": 2, "x": 2}

    counted = summed(old, new, options).change_categories

    assert {name: count for name, count in counted.items() if count} == {
        "money": 2,
        "all": 1,
        "size": 1,
        "value": 1,
    }
    assert list(counted)[:3] == ["money", "all", "size"]
    assert counted["structural"] == 0


def test_a_summary_counts_what_changed() -> None:
    old = {"kept": 1, "gone": 2, "list": [1, 2], "n": 3}
    new = {"kept": 1, "list": [1, 5, 6], "n": "3", "new": {"a": 1}}

    assert summed(old, new) == Summary(
        total_changes=5,
        additions=2,
        modifications=2,
        removals=1,
        similarity_score=pytest.approx(2 * 2 / (5 + 6)),
        change_categories={"structural": 2, "value": 1, "type": 1, "size": 1, "metadata": 0},
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, 1.0),
        ({}, [], 0.0),
        ({}, {"a": 1}, 0.0),
        ({"a": 1}, {"a": 2}, 0.0),
        ({"a": 1}, {"b": 1}, 0.0),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, 0.5),
        ({"a": {}}, {"a": {}, "b": {}}, 2 / 3),
        ({"a": [], "b": 1}, {"a": [1, 2, 3], "b": 1}, 2 / 6),
        ([0] * 99 + [1], [0] * 99 + [2], 0.99),
        # A text of 80 characters weighs 11.
        ({"n": 1, "t": "x" * 80}, {"n": 2, "t": "x" * 80}, 11 / 12),
        ({"n": 1, "t": "x" * 80}, {"n": 1, "t": "y" * 80}, 1 / 12),
    ],
)
def test_the_score_says_how_much_of_both_is_the_same(old: Json, new: Json, expected: float) -> None:
    assert score(old, new) == pytest.approx(expected)


@given(pairs)
def test_the_score_is_what_both_have_in_common(pair: tuple[Json, Json]) -> None:
    old, new = pair
    a, b = leaves(old), leaves(new)
    common = sum(weight(a[path]) for path in a if path in b and equal(a[path], b[path]))

    assert score(old, new) == pytest.approx(2 * common / (weight(old) + weight(new)))


@given(pairs)
def test_the_score_is_1_for_equal_0_for_nothing_and_the_same_both_ways(
    pair: tuple[Json, Json],
) -> None:
    old, new = pair
    a, b = leaves(old), leaves(new)

    assert 0 <= score(old, new) <= 1
    assert score(old, new) == score(new, old)
    assert (score(old, new) == 1) == equal(old, new)
    assert (score(old, new) == 0) == (not any(path in b and equal(a[path], b[path]) for path in a))


@given(pairs, documents)
def test_the_score_falls_with_each_further_leaf_that_differs(
    pair: tuple[Json, Json], value: Json
) -> None:
    old, new = {"k": 1, "rest": pair[0]}, {"k": 1, "rest": pair[1]}

    assert score(old, new | {"k": {"other": value}}) < score(old, new)
    assert score(old, new | {"k": 2}) < score(old, new)
    assert score(old, new | {"more": value}) < score(old, new)


@given(pairs)
def test_every_difference_is_counted_once(pair: tuple[Json, Json]) -> None:
    old, new = pair
    found = compare(subject(old), subject(new))
    counted = summary(found)

    assert counted.total_changes == len(found.differences)
    assert counted.additions + counted.modifications + counted.removals == len(found.differences)
    assert sum(counted.change_categories.values()) == len(found.differences)


def leaves(value: Json, path: Path = ()) -> dict[Path, Json]:
    if value and isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        return {p: leaf for key, v in inner for p, leaf in leaves(v, (*path, key)).items()}
    return {path: value}


@pytest.mark.parametrize(
    ("whole", "apart", "score"), [(0, 0, 1.0), (0, 1, 0.0), (4, 1, 0.75), (1, 4, 0.0)]
)
def test_a_document_of_which_nothing_counts_has_a_similarity(
    whole: int, apart: int, score: float
) -> None:
    assert similarity(whole, apart) == score
