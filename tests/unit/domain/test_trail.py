"""The navigation history is a browser's, for as many places as it is to remember."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.trail import Trail
from stratoscope_contracts.errors import NavigationOutOfBounds

MOVES = st.lists(st.sampled_from(["push", "back", "forward"]), max_size=60)


def test_back_and_forward_walk_what_was_gone_to():
    here = Trail().pushed(9).pushed(9)
    assert here.back() == Trail(0, 1, 2)
    assert here.back().forward() == here


def test_going_elsewhere_forgets_what_stood_ahead():
    assert Trail().pushed(9).pushed(9).back().back().pushed(9) == Trail(0, 1, 1)


@pytest.mark.parametrize(
    ("trail", "walk", "index"),
    [
        (Trail(), Trail.back, -1),
        (Trail(), Trail.forward, 1),
        (Trail(4, 4, 6), Trail.back, -1),
        (Trail(4, 6, 6), Trail.forward, 3),
    ],
)
def test_past_its_ends_is_out_of_bounds_counted_from_its_oldest_place(trail, walk, index):
    with pytest.raises(NavigationOutOfBounds) as refused:
        walk(trail)
    expected = {"index": index, "first": 0, "last": trail.last - trail.first}
    assert refused.value.details == expected


@given(MOVES, st.integers(1, 5))
def test_it_remembers_what_a_list_does(moves, capacity):
    """Slots are written as they are pushed to; reading them back gives the plain list."""
    trail, slots = Trail(), {0: "start"}
    places, current = ["start"], 0
    for number, move in enumerate(moves):
        if move == "push":
            trail = trail.pushed(capacity)
            slots[trail.current % capacity] = str(number)
            places = [*places[: current + 1], str(number)][-capacity:]
            current = len(places) - 1
        elif 0 <= current + (step := 1 if move == "forward" else -1) < len(places):
            trail = trail.forward() if move == "forward" else trail.back()
            current += step
    assert [slots[slot] for slot in trail.slots(capacity)] == places
    assert trail.current - trail.first == current
    assert len(slots) <= capacity
