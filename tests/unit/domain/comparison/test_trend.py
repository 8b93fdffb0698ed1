"""Whether a series rises or falls."""

from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.comparison.trend import MIN_POINTS, Trend, trend


@pytest.mark.parametrize(
    ("values", "direction"),
    [
        (list(range(20)), "increasing"),
        (list(range(20, 0, -1)), "decreasing"),
        ([5] * 20, "stable"),
        ([1, 2] * 10, "stable"),
        ([1, 1, 1, 2, 2, 2, 3, 3, 3, 4], "increasing"),
        # One outlier is one value, however large; halves would be far apart.
        ([3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 10_000], "stable"),
        # The same before and after, with a hill between: halves would be equal, and so is the test.
        ([*range(10), *range(10, 0, -1)], "stable"),
        ([1] * (MIN_POINTS - 1), "unknown"),
        (list(range(MIN_POINTS - 1)), "unknown"),
        ([], "unknown"),
    ],
)
def test_a_trend_is_told_where_there_is_one(values: list[float], direction: str) -> None:
    assert trend(values).direction == direction


def test_the_figures_are_those_of_the_textbook() -> None:
    # S = 28 less twice 1 pair that falls, var = 8 * 7 * 21 / 18, z = 25 / 8.083.
    found = trend([1, 2, 3, 4, 5, 7, 6, 8])
    assert found.p_value == pytest.approx(0.00198, abs=1e-5)
    assert found.tau == pytest.approx(26 / 28)
    # Two pairs of ties: var = (8 * 7 * 21 - 2 * 2 * 1 * 9) / 18.
    found = trend([1, 1, 3, 4, 5, 5, 7, 8])
    assert found.p_value == pytest.approx(0.00168, abs=1e-5)
    assert found.tau == pytest.approx(26 / (28 * 26) ** 0.5)


def test_equal_values_are_stable_for_certain() -> None:
    assert trend([0.5] * 9) == Trend("stable", 1.0, 0.0)


@given(st.lists(st.integers(0, 5), min_size=MIN_POINTS, max_size=30))
def test_backwards_a_trend_is_the_other(values: list[int]) -> None:
    there, back = trend(values), trend(values[::-1])
    turned = {"increasing": "decreasing", "decreasing": "increasing", "stable": "stable"}
    assert back.direction == turned[there.direction]
    assert back.p_value == pytest.approx(there.p_value)
    assert back.tau == pytest.approx(-(there.tau or 0), abs=1e-12)


@given(st.lists(st.integers(0, 5), min_size=MIN_POINTS, max_size=12))
def test_tau_is_kendalls_of_all_pairs(values: list[int]) -> None:
    rising = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    untied = sum(a != b for a, b in combinations(values, 2))
    pairs = comb(len(values), 2)
    expected = rising / (pairs * untied) ** 0.5 if untied else 0
    assert trend(values).tau == pytest.approx(expected)


@given(st.lists(st.floats(-1e6, 1e6), min_size=MIN_POINTS, max_size=30))
def test_figures_are_in_their_bounds(values: list[float]) -> None:
    found = trend(values)
    assert found.p_value is not None
    assert 0 <= found.p_value <= 1
    assert found.tau is not None
    assert -1 <= round(found.tau, 9) <= 1
