"""Two runs side by side: where they go together, and where they part."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.comparison.alignment import (
    ANCHOR,
    WINDOW,
    Apart,
    Run,
    Together,
    advance,
)


def prints(text: str) -> list[bytes]:
    return [char.encode() for char in text]


def aligned(a: str, b: str, piece: int = 0) -> list[Together | Apart]:
    """All stretches of two runs, which become known piece by piece."""
    runs = (Run(), Run())
    known = [0, 0]
    found: list[Together | Apart] = []
    while True:
        step = advance(*runs)
        if step is not None:
            found.append(step)
        elif all(run.is_whole for run in runs):
            return found
        else:
            for number, text in enumerate((a, b)):
                upto = known[number] + piece if piece else len(text)
                runs[number].add(prints(text[known[number] : upto]), is_whole=upto >= len(text))
                known[number] = upto


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("", "", []),
        ("abc", "abc", [Together(0, 0, 3)]),
        ("abcdef", "abcXdef", [Together(0, 0, 3), Apart(3, 3, 0, 1), Together(3, 4, 3)]),
        ("abcXdef", "abcdef", [Together(0, 0, 3), Apart(3, 3, 1, 0), Together(4, 3, 3)]),
        ("abXdef", "abYdef", [Together(0, 0, 2), Apart(2, 2, 1, 1), Together(3, 3, 3)]),
        ("abXdef", "abYZdef", [Together(0, 0, 2), Apart(2, 2, 1, 2), Together(3, 4, 3)]),
        # One run has ended.
        ("abc", "abcde", [Together(0, 0, 3), Apart(3, 3, 0, 2)]),
        ("", "ab", [Apart(0, 0, 0, 2)]),
        # Near the end of a run fewer events in a row will do.
        ("abXyz", "abyz", [Together(0, 0, 2), Apart(2, 2, 1, 0), Together(3, 2, 2)]),
        (
            "abXy",
            "abyZZZ",
            [Together(0, 0, 2), Apart(2, 2, 1, 0), Together(3, 2, 1), Apart(4, 3, 0, 3)],
        ),
        # A single event that is the same proves nothing.
        ("aXbYcdef", "aPbQcdef", [Together(0, 0, 1), Apart(1, 1, 3, 3), Together(4, 4, 4)]),
        ("abcd", "wxyz", [Apart(0, 0, 4, 4)]),
    ],
)
def test_runs_go_together_again_at_the_nearest_place(
    a: str, b: str, expected: list[Together | Apart]
) -> None:
    assert aligned(a, b) == expected


def test_where_no_place_is_near_they_have_parted_for_good() -> None:
    found = aligned("abc" + "x" * 2 * WINDOW, "abc" + "y" * 2 * WINDOW)
    assert found[0] == Together(0, 0, 3)
    assert found[1] == Apart(3, 3, 2 * WINDOW, 2 * WINDOW, for_good=True)
    # A run that goes on far longer than the other has no end in the window.
    assert aligned("abc", "abc" + "x" * 2 * WINDOW)[1] == Apart(3, 3, 0, 2 * WINDOW, for_good=True)


def test_more_of_the_runs_is_known_before_they_are_said_to_part() -> None:
    a, b = Run(), Run()
    a.add(prints("abX"), is_whole=False)
    b.add(prints("abYcdef"), is_whole=True)
    assert advance(a, b) == Together(0, 0, 2)
    assert advance(a, b) is None
    assert a.needs_more
    assert not b.needs_more
    a.add(prints("cdef"), is_whole=True)
    assert advance(a, b) == Apart(2, 2, 1, 1)


@given(st.text("abc", max_size=60), st.data())
def test_pieces_make_no_difference_but_to_stretches(text: str, data: Any) -> None:
    other = edited(text, data)
    piece = data.draw(st.integers(1, 7))
    assert joined(aligned(text, other, piece)) == joined(aligned(text, other))


@given(st.text("abcd", max_size=80), st.data())
def test_every_event_is_in_one_stretch_and_what_goes_together_is_the_same(
    text: str, data: Any
) -> None:
    other = edited(text, data)
    at = (0, 0)
    for one in aligned(text, other):
        assert (one.a, one.b) == at
        if isinstance(one, Together):
            assert text[one.a : one.a + one.count] == other[one.b : one.b + one.count]
            at = (one.a + one.count, one.b + one.count)
        else:
            at = (one.a + one.a_count, one.b + one.b_count)
    assert at == (len(text), len(other))


@given(st.integers(0, 300), st.integers(1, 20), st.integers(ANCHOR, 200))
def test_events_that_only_one_run_has_are_found_wherever_they_are(
    before: int, more: int, behind: int
) -> None:
    runs = (Run(), Run())
    common = [f"{n}".encode() for n in range(before + behind)]
    extra = [f"extra {n}".encode() for n in range(more)]
    runs[0].add(common, is_whole=True)
    runs[1].add([*common[:before], *extra, *common[before:]], is_whole=True)
    found = [advance(*runs) for _ in range(3 if before else 2)]
    assert found[-2:] == [Apart(before, before, 0, more), Together(before, before + more, behind)]


def edited(text: str, data: Any) -> str:
    """The text with a little of it changed."""
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.text("abX", max_size=3)) + text[at + gone :]
    return text


def joined(found: list[Together | Apart]) -> list[tuple[str, int, int]]:
    """Neighbours of one kind as one, since a stretch ends where no more was known."""
    kinds: list[tuple[str, int, int]] = []
    for one in found:
        kind = type(one).__name__
        if not kinds or kinds[-1][0] != kind:
            kinds.append((kind, one.a, one.b))
    return kinds
