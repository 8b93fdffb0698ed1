"""Which states of two runs have to be looked at."""

from stratoscope.domain.canonical import digest
from stratoscope.domain.comparison.alignment import Together
from stratoscope.domain.comparison.standing import StateAfter, States, suspects
from stratoscope.domain.delta import Slotted


def states(first: int, *told: tuple[int, str]) -> States:
    found = States(first)
    found.add(
        (
            StateAfter(number, event_index, number, 10, digest(state.encode()))
            for number, (event_index, state) in enumerate(told)
        ),
        is_whole=True,
    )
    return found


def offsets(together: Together, a: States, b: States) -> list[int]:
    return [pair.offset for pair in suspects(together, a, b, set())]


def test_only_pairs_with_other_hashes_are_looked_at() -> None:
    a = states(0, (0, "x"), (2, "y"), (5, "z"))
    b = states(0, (0, "x"), (2, "other"), (5, "z"))
    assert offsets(Together(0, 0, 10), a, b) == [3]


def test_a_state_is_in_force_until_the_next_one() -> None:
    a, b = states(0, (0, "x"), (4, "y")), states(0, (0, "x"), (2, "y"))
    (pair,) = suspects(Together(0, 0, 10), a, b, set())
    assert (pair.offset, pair.a, pair.b) == (3, a_state(0, 0, "x"), a_state(1, 2, "y"))


def test_what_stood_before_the_first_event_is_looked_at_first() -> None:
    a, b = states(0, (-1, "x")), states(0)
    (pair,) = suspects(Together(0, 0, 0), a, b, set())
    assert (pair.offset, pair.b) == (0, None)
    assert list(suspects(Together(0, 0, 5), a, b, {pair.hashes})) == []
    empty = states(0, (-1, "{}"))
    assert list(suspects(Together(0, 0, 0), empty, states(0), set())) == []


def test_the_last_of_several_states_of_an_event_counts() -> None:
    a = states(0, (0, "patched"), (0, "x"))
    assert offsets(Together(0, 0, 1), a, states(0, (0, "x"))) == []


def test_a_pair_that_comes_again_is_looked_at_once() -> None:
    a = states(0, (0, "x"), (2, "y"), (4, "x"))
    b = states(0, (0, "1"), (2, "y"), (4, "1"))
    assert offsets(Together(0, 0, 6), a, b) == [1]


def test_places_count_from_where_each_run_begins() -> None:
    a, b = states(100, (100, "x"), (103, "y")), states(7, (7, "x"), (9, "y"))
    assert offsets(Together(0, 0, 5), a, b) == [3]
    # Where one run has an event more, its states are passed over.
    a, b = states(0, (0, "x"), (1, "y"), (2, "x")), states(0, (0, "x"))
    assert offsets(Together(2, 1, 3), a, b) == [0]


def test_it_is_known_how_far_states_are_known() -> None:
    found = States(10)
    assert not found.reaches(0)
    found.add([a_state(0, 12, "x")], is_whole=False)
    assert found.reaches(1)
    assert not found.reaches(2)
    found.add([], is_whole=True)
    assert found.reaches(1_000)
    assert a_state(3, 5, "x").at == Slotted(3, 3)


def a_state(version: int, event_index: int, state: str) -> StateAfter:
    return StateAfter(version, event_index, version, 10, digest(state.encode()))
