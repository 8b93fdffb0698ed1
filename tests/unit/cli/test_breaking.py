"""Breakpoints on the command line: words that are no condition, and what is printed of others'."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from uuid import UUID

import pytest
from rich.console import Console

from stratoscope.cli.breaking import armed, listed
from stratoscope.cli.commands import execute
from stratoscope_contracts.breakpoints import (
    Breakpoint,
    BreakpointCreateReply,
    BreakpointListReply,
)

NOBODY = ("--server", "nats://127.0.0.1:1", "--timeout", "0.05")
ESCAPE = "\x1b]0;mine\x07"
HOSTILE = Breakpoint.model_validate(
    {
        "id": UUID(int=1),
        "agent": "a",
        "condition": {"kind": "expression", "source": f"event.type == '{ESCAPE}'"},
        "created_at": datetime(2026, 11, 23, tzinfo=UTC),
        "armed_seq": 1,
        "hit_count": 0,
        "is_enabled": False,
        "disabled_reason": ESCAPE,
    }
)
SHOWN: tuple[Callable[[], object], ...] = (
    lambda: listed(BreakpointListReply(breakpoints=[HOSTILE])),
    lambda: armed(BreakpointCreateReply(breakpoint=HOSTILE)),
)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("a health == 0 --pauze", "--pauze"),
        ("a --pauze health == 0", "--pauze"),
        ("--pauze change x", "--pauze"),
        ("a health == 0 -p", "-p"),
    ],
)
def test_a_mistyped_option_is_no_part_of_a_condition(
    capsys: pytest.CaptureFixture[str], words: str, option: str
) -> None:
    assert execute(["break", "add", *words.split(), *NOBODY]) == 2
    assert f"no such option: {option}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["a", "health", "<", "-5"],
        ["a", "health", ">", "-.5", "--pause"],
        ["a", "goal == --pauze"],
        ["--pause", "a", "change", "x"],
    ],
)
def test_a_number_below_zero_and_quoted_words_are_a_conditions(words: list[str]) -> None:
    # As far as to the broker, which is not there.
    assert execute(["break", "add", *words, *NOBODY]) == 4


@pytest.mark.parametrize("shown", SHOWN)
def test_what_another_operator_wrote_does_not_reach_the_terminal(
    shown: Callable[[], object],
) -> None:
    file = StringIO()
    Console(file=file, width=200, force_terminal=False).print(shown())
    assert "\x1b" not in file.getvalue()
    assert "\x07" not in file.getvalue()
    assert "mine" in file.getvalue()
