"""What a row of comparisons has in common, and which of them stand out."""

from random import Random
from typing import Any

import pytest

from stratoscope.domain.comparison.anomalies import Anomaly, Compared, anomalies
from stratoscope.domain.comparison.patterns import general, patterns


def one(*paths: str, weight: int | None = None, similarity: float = 0.9) -> Compared:
    heavy = len(paths) if weight is None else weight
    categories = {"value": len(paths), "size": 0}
    return Compared(len(paths), heavy, similarity, categories, paths, paths)


def told(found: list[Anomaly], kind: str) -> list[int]:
    return [each.index for each in found if each.kind == kind]


def test_volatile_fields_are_those_that_change_most() -> None:
    found = patterns([one("a", "b"), one("a"), one("c", "a"), one("b")], 60)
    assert found["volatile_fields"] == [("a", 3), ("b", 2), ("c", 1)]
    assert found["comparisons"] == 4


def test_changes_a_minute_go_by_the_time_between_first_and_last() -> None:
    found = patterns([one("a", "b"), one("a")], 30)["change_frequency"]
    assert found == {
        "changes": 3,
        "seconds": 30,
        "per_minute": 6.0,
        "by_category": {"value": 6.0, "size": 0.0},
    }
    assert patterns([one("a")], 0)["change_frequency"]["per_minute"] is None


def test_each_category_and_the_similarity_have_a_trend_with_its_values() -> None:
    compared = [one(*"abcdefghijkl"[:n], similarity=1 - n / 20) for n in range(1, 12)]
    found = patterns(compared, 60)
    value = found["category_trends"]["value"]
    assert (value["direction"], value["values"]) == ("increasing", list(range(1, 12)))
    assert found["category_trends"]["size"]["direction"] == "stable"
    assert found["similarity_trend"]["direction"] == "decreasing"


def test_nothing_has_no_patterns() -> None:
    found = patterns([], 0)
    assert (found["category_trends"], found["anomalies"]) == ({}, [])


def test_a_change_far_larger_or_smaller_than_usual_stands_out() -> None:
    usual = [one("a", weight=20 + n % 3) for n in range(20)]
    found = anomalies([*usual, one("a", weight=900), *usual, one("a", weight=0), *usual])
    assert told(found, "size") == [20, 41]
    large, small = (each for each in found if each.kind == "size")
    assert large.score > 3.5
    assert small.score < -3.5
    assert large.reason == "what changed weighs 900, where 21 is usual"
    assert large.details == {"weight": 900, "usual": 21, "changes": 1}


def test_what_is_large_always_is_usual() -> None:
    random = Random(7)
    compared = [one("a", weight=random.choice([5, 40, 300])) for _ in range(200)]
    assert told(anomalies(compared), "size") == []


def test_a_new_usual_is_usual_after_a_while() -> None:
    compared = [one("a", weight=10)] * 50 + [one("a", weight=1000)] * 100
    assert told(anomalies(compared), "size")[-1] < 50 + 40


def test_a_change_where_nothing_ever_changed_stands_out() -> None:
    compared = [*[one("a")] * 20, one("a", "secret"), *[one("a")] * 20, one("secret", "a")]
    found = [each for each in anomalies(compared) if each.kind == "path"]
    assert [each.index for each in found] == [20, 41]
    assert found[0].path == "secret"
    assert found[0].score == pytest.approx(5.39, abs=0.01)
    assert found[0].reason == "secret changed, for the first time in 21 comparisons"
    assert found[1].reason == "secret changed, which it did in 1 of the 41 comparisons before"


def test_several_new_places_are_one_anomaly() -> None:
    (found,) = anomalies([*[one("a")] * 20, one("b", "c", weight=1)])
    assert (found.path, found.details["others"]) == ("b", ["c"])


def test_where_new_places_come_all_the_time_they_surprise_nobody() -> None:
    assert told(anomalies([one("log", f"entry {n}") for n in range(100)]), "path") == []


def test_where_seldom_changes_are_usual_they_do_not_stand_out() -> None:
    random = Random(7)
    fields = [f"f{n}" for n in range(50)]
    compared = [one(*random.sample(fields, 2)) for _ in range(300)]
    assert len(told(anomalies(compared), "path")) < 15


def test_too_little_history_makes_nothing_unlikely() -> None:
    assert anomalies([one("a"), one("b", weight=10_000), one("c")]) == []


def test_of_very_many_only_those_that_stand_out_most_are_told() -> None:
    compared: list[Any] = []
    for n in range(150):
        compared += [*[one("a", weight=10)] * 40, one("a", weight=1000 + n)]
    found = anomalies(compared)
    assert len(found) == 100
    assert [each.index for each in found] == sorted(each.index for each in found)


def test_the_root_has_a_name() -> None:
    compared = [*[one("a")] * 20, one("", weight=1)]
    assert anomalies(compared)[0].reason.startswith("the root changed")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("a", 3, "b"), "a[*].b"),
        ((0, 1), "[*][*]"),
        (("x.y", "z"), '["x.y"].z'),
    ],
)
def test_elements_of_a_list_are_one_place(path: tuple[str | int, ...], text: str) -> None:
    assert general(path) == text
