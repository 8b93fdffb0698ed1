"""The lag is what is not projected yet, and nothing where log and projection do not compare."""

import pytest

from stratoscope.navigator.stats import lag_of


@pytest.mark.parametrize(
    ("projected", "log_end", "lag"),
    [
        ({}, 0, 0),
        ({}, 7, 7),
        ({0: 7, 1: 7}, 7, 0),
        ({0: 5, 1: 7}, 7, 2),
        # Rolled back behind one checkpoint, or all.
        ({0: 5, 1: 7}, 6, None),
        ({0: 7, 1: 7}, 3, None),
    ],
)
def test_a_lag_is_told_where_the_numbers_compare(
    projected: dict[int, int], log_end: int, lag: int | None
) -> None:
    assert lag_of(projected, log_end) == lag
