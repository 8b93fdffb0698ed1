"""What changed between two documents."""

import copy

import orjson
import pytest
from hypothesis import example, given

from stratoscope.domain import patch
from stratoscope.domain.canonical import canonical
from stratoscope.domain.compare import (
    Difference,
    diff,
    diff_exactly,
    to_json_patch,
)
from stratoscope.domain.equality import equal
from stratoscope.domain.paths import MISSING
from support.documents import Json, documents, pairs


@pytest.mark.parametrize(
    ("old", "new", "differences"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [Difference(("a",), "modified", 1, 2)]),
        ({}, {"a": None}, [Difference(("a",), "added", MISSING, None)]),
        ({"a": [1]}, {}, [Difference(("a",), "removed", [1], MISSING)]),
        ([1], {"0": 1}, [Difference((), "modified", [1], {"0": 1})]),
        ({"a": {}}, {"a": []}, [Difference(("a",), "modified", {}, [])]),
        ({"a": None}, {"a": {}}, [Difference(("a",), "modified", None, {})]),
        ([1, 2, 3], [1], [Difference((i,), "removed", i + 1, MISSING) for i in (1, 2)]),
        ([1], [1, 2, 3], [Difference((i,), "added", MISSING, i + 1) for i in (1, 2)]),
        (
            [1, 2, 3],
            [2, 3],
            [
                Difference((0,), "modified", 1, 2),
                Difference((1,), "modified", 2, 3),
                Difference((2,), "removed", 3, MISSING),
            ],
        ),
        (
            {"pack": [{"n": 1, "t": ["x"]}, {"n": 2}]},
            {"pack": [{"n": 1, "t": ["y"]}, {"n": 2}]},
            [Difference(("pack", 0, "t", 0), "modified", "x", "y")],
        ),
    ],
)
def test_differences_stand_where_the_documents_part(
    old: Json, new: Json, differences: list[Difference]
) -> None:
    assert diff(old, new) == differences


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (True, 1, ()),
        ({"a": [0, {"b": 1}]}, {"a": [0, {"b": True}]}, ("a", 1, "b")),
        ({"a": [0.0]}, {"a": [False]}, ("a", 0)),
        ({"same": True, "other": [[1]]}, {"same": True, "other": [[True]]}, ("other", 0, 0)),
    ],
)
def test_true_is_not_1_however_deep(old: Json, new: Json, path: tuple[str | int, ...]) -> None:
    assert [(d.path, d.op) for d in diff(old, new)] == [(path, "modified")]
    assert [(d.path, d.op) for d in diff(new, old)] == [(path, "modified")]


def test_keys_come_by_code_point_and_indexes_by_number() -> None:
    old: Json = {"Z": 1, "list": [0] * 11, "a": 1, "é": 1, "\ufffd": 1, "\U0001f600": 1}
    new: Json = {"\U0001f600": 2, "\ufffd": 2, "é": 2, "a": 2, "list": [1] * 11, "Z": 2, "B": 0}

    found = [difference.path for difference in diff(old, new)]

    assert found == [
        ("B",),
        ("Z",),
        ("a",),
        *(("list", index) for index in range(11)),
        ("é",),
        ("\ufffd",),
        ("\U0001f600",),
    ]


@given(documents)
def test_a_document_differs_in_nothing_from_one_that_reads_the_same(document: Json) -> None:
    assert diff(document, document) == []
    assert diff(document, copy.deepcopy(document)) == []


@given(pairs)
@example(({"a": [1]}, {"a": [True]}))
def test_the_differences_are_those_of_a_plain_walk(pair: tuple[Json, Json]) -> None:
    old, new = pair

    assert exact(diff(old, new)) == exact(plain(old, new, ()))
    assert (diff(old, new) == []) == equal(old, new)


@given(pairs)
def test_the_way_back_has_the_same_places_with_its_sides_changed(pair: tuple[Json, Json]) -> None:
    turned = {"added": "removed", "removed": "added", "modified": "modified"}

    there = [(d.path, turned[d.op]) for d in diff(*pair)]

    assert there == [(d.path, d.op) for d in diff(*reversed(pair))]


@given(pairs)
@example(({"a": [1, 2, 3], "b": {"c": [1, 2]}}, {"a": [1], "b": {}}))
@example(([], [1, 2, 3]))
def test_the_json_patch_leads_from_the_old_document_to_the_new_one(
    pair: tuple[Json, Json],
) -> None:
    old, new = pair
    differences = diff(old, new)

    assert equal(patch.apply(old, to_json_patch(differences)), new)
    assert equal(patch.apply(old, to_json_patch(reversed(differences))), new)


def test_a_json_patch_shrinks_lists_from_the_back() -> None:
    assert to_json_patch(diff({"l": [1, 2, 3]}, {"l": [0], "n": 4})) == [
        {"op": "replace", "path": "/l/0", "value": 0},
        {"op": "add", "path": "/n", "value": 4},
        {"op": "remove", "path": "/l/2"},
        {"op": "remove", "path": "/l/1"},
    ]


def test_parts_too_far_from_the_root_to_be_set_aside_are_compared_all_the_same() -> None:
    def deep(leaf: Json) -> Json:
        document = {"leaf": leaf, "same": [1, {"x": 2}]}
        for level in range(60):
            document = {"down": document, "beside": [level]}
        return document

    assert diff(deep(1), deep(1.0)) == []
    assert [(d.old, d.new) for d in diff(deep(1), deep(2))] == [(1, 2)]
    assert [(d.old, d.new) for d in diff(deep(1), deep(True))] == [(1, True)]


def test_two_large_states_with_one_difference_differ_in_that_one() -> None:
    state = {"pack": [{"name": f"item {n}", "n": n, "held": True} for n in range(1_000)]}
    old, new = orjson.loads(orjson.dumps(state)), orjson.loads(orjson.dumps(state))
    new["pack"][500]["held"] = 1

    assert exact(diff(old, new)) == [("('pack', 500, 'held')", "modified", "True", "1")]


def plain(old: Json, new: Json, path: tuple[str | int, ...]) -> list[Difference]:
    """The differ as one would write it first."""
    found: list[Difference] = []
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            a, b = old.get(key, MISSING), new.get(key, MISSING)
            found += plain(a, b, (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            a = old[index] if index < len(old) else MISSING
            b = new[index] if index < len(new) else MISSING
            found += plain(a, b, (*path, index))
    elif old is MISSING:
        found.append(Difference(path, "added", old, new))
    elif new is MISSING:
        found.append(Difference(path, "removed", old, new))
    elif not equal(old, new):
        found.append(Difference(path, "modified", old, new))
    return found


def exact(differences: list[Difference]) -> list[tuple[str, ...]]:
    """For comparison in a test: a text tells True from 1 where `==` would not."""
    return [(repr(d.path), d.op, repr(d.old), repr(d.new)) for d in differences]


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({"a": 1, "b": [1.0]}, {"a": 1.0, "b": [1]}, [("a",), ("b", 0)]),
        ({"a": 0.0, "b": [[-0.0]]}, {"a": -0.0, "b": [[-0.0]]}, [("a",)]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1, "b": float("0")}, {"a": 1.0, "b": float("0.0")}, [("a",)]),
        ({"a": True}, {"a": 1}, [("a",)]),
    ],
)
def test_to_the_letter_a_number_spelled_anew_is_a_difference(
    old: Json, new: Json, paths: list[tuple[str | int, ...]]
) -> None:
    assert [one.path for one in diff_exactly(old, new)] == paths


@given(pairs)
def test_a_patch_to_the_letter_gives_the_very_bytes_of_the_new_document(
    pair: tuple[Json, Json],
) -> None:
    old, new = pair
    patched = patch.apply(old, to_json_patch(diff_exactly(old, new)))

    assert canonical(patched) == canonical(new)
