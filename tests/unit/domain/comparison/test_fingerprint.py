"""What events of two runs have in common."""

from typing import Any

import pytest

from stratoscope.domain.compare import Difference
from stratoscope.domain.comparison.fingerprint import fingerprint, is_chance
from stratoscope.domain.comparison.options import PLAIN, options_of
from stratoscope.domain.paths import MISSING

ONE = "0195a3c0-7e10-7001-8a2b-3c4d5e6f0001"
OTHER = "7B3C9B3E-2D4F-4E55-9D5C-0A1B2C3D4E5F"


def same(a: Any, b: Any, *, exact: bool = False) -> bool:
    return fingerprint("t", a, PLAIN, exact=exact) == fingerprint("t", b, PLAIN, exact=exact)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"x": ONE}, {"x": OTHER}),
        ({"l": [1, {"x": ONE}]}, {"l": [1, {"x": OTHER}]}),
        ({"x": "2026-11-23T08:00:00Z"}, {"x": "2027-01-01 09:30:00.25+01:00"}),
        ({"x": "deadbeef00000000"}, {"x": "0123456789abcdef0123"}),
        ({"id": 1}, {"id": "two"}),
        ({"task_id": 1, "a": 1}, {"a": 1}),
        ({"threadId": "a"}, {"threadId": "b"}),
        ({"created_at": 1, "createdAt": 2}, {"created_at": 3, "createdAt": 4}),
        ({"wait_ms": 1, "elapsed": 2, "time": 3}, {"wait_ms": 9, "elapsed": 9, "time": 9}),
        ({"n": 1}, {"n": 1.0}),
    ],
)
def test_ids_times_and_spelling_are_chance(a: Any, b: Any) -> None:
    assert same(a, b)
    assert same(a, b, exact=True) == (a == b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"x": 1}, {"x": 2}),
        ({"x": "short"}, {"x": "other"}),
        ({"x": "abcdefabcdefabcdefab"}, {"x": "bcdefabcdefabcdefabc"}),
        ({"x": "2026-11-23"}, {"x": "2026-11-24"}),
        ({"identity": 1}, {"identity": 2}),
        ({"at": [1, 2]}, {"at": [2, 2]}),
        ({"seconds": 1}, {"seconds": 2}),
        ({"x": True}, {"x": 1}),
        ({"x": [1, 2]}, {"x": [2, 1]}),
        ({"x": ONE * 10}, {"x": OTHER * 10}),
    ],
)
def test_all_else_counts(a: Any, b: Any) -> None:
    assert not same(a, b)


def test_the_type_counts_and_keys_have_no_order() -> None:
    assert fingerprint("a", {}, PLAIN, exact=False) != fingerprint("b", {}, PLAIN, exact=False)
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})


def test_what_is_to_be_ignored_does_not_count() -> None:
    ignoring = options_of({"exclude_paths": ["**.token"]})
    found = {
        fingerprint("t", {"a": {"token": token}, "b": 1}, ignoring, exact=True)
        for token in ("x", "y")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("path", "old", "new", "chance"),
    [
        (("a", "trace"), ONE, OTHER, True),
        (("a", "run_id"), 1, 2, True),
        (("ids", 0), "x", "y", True),
        (("a", "n"), 1, 2, False),
        (("a", "run_id"), {}, 2, False),
        (("a", "run_id"), 2, {}, False),
        ((0,), ONE, "x", False),
        (("a", "id"), MISSING, 1, False),
    ],
)
def test_states_differ_by_chance_in_the_same_ways(
    path: tuple[str | int, ...], old: Any, new: Any, chance: bool
) -> None:
    op = "added" if old is MISSING else "modified"
    assert is_chance(Difference(path, op, old, new)) is chance  # type: ignore[arg-type]  # a literal


@pytest.mark.parametrize("number", [2.0**64, 2.0**70, -(2.0**64)])
def test_doubles_beyond_every_integer_have_a_fingerprint(number: float) -> None:
    for exact in (True, False):
        assert fingerprint("t", {"n": number}, PLAIN, exact=exact)
