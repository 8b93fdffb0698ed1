"""How long a replay waits from one event to the next."""

from datetime import timedelta

import pytest

from stratoscope.domain.pace import gap
from support.recorded import START


@pytest.mark.parametrize(
    ("seconds", "speed", "expected"),
    [
        (2, 1.0, 2),
        (2, 2.0, 1),
        (2, 0.5, 4),
        (0, 1.0, 0),
        (-5, 1.0, 0),
        (3600, 1.0, 10),
        (3600, 3600.0, 1),
        (1, 1e-308, 10),
        (0, 5e-324, 0),
        (5, 1e308, 0),
    ],
)
def test_a_gap_is_the_recorded_one_at_a_speed_and_never_long(seconds, speed, expected):
    assert gap(START, START + timedelta(seconds=seconds), speed) == pytest.approx(expected)
