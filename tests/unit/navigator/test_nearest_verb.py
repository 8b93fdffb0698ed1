"""The nearest verb to one that there is not."""

from time import process_time

import pytest

from stratoscope.navigator.dispatch import nearest_verb
from stratoscope_contracts.verbs import VERBS


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("state.att", "state.at"),
        ("sate.at", "state.at"),
        ("stat", "stats"),
        ("evnts.list", "events.list"),
        ("breakpoint.creat", "breakpoint.create"),
        ("agnets.list", "agents.list"),
        ("session.stepp", "session.step"),
        ("object.gett", "object.get"),
    ],
)
def test_a_slip_is_told_the_verb_that_was_meant(asked: str, nearest: str) -> None:
    assert nearest_verb(asked) == nearest


def test_some_verb_is_the_nearest_to_anything() -> None:
    assert {nearest_verb(one) for one in ("", "x", "e" * 4_000)} <= VERBS.keys()


def test_verbs_that_are_none_hold_the_loop_for_microseconds() -> None:
    """300 of them a second, of one operator, held every other space's requests for seconds."""
    asked = ["nonsense", "estail." * 9, "events.list." * 5] * 100
    before = process_time()
    for one in asked:
        nearest_verb(one)
    assert process_time() - before < 0.15
