"""What a recorder knows of an agent's holds, and what its gate does with that.

The navigator's answers are what counts. A command on `ctl` is news: it may come twice, late, in
another order than it was meant, or never. So a pause, a resume and a step only lead to the next
question, and are believed by themselves only as long as nobody answers. An answer that a command
has overtaken is asked for again, since nobody knows which of the two is the older.

    held    somebody holds the agent
    steps   how many events it may record in spite of that
    sure    it was answered so, and nothing has been heard or missed since
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, assert_never

from pydantic import ValidationError

from stratoscope_contracts.control import Command, CtlMessage, GateHeld, GateOpen

# A command takes a hundred bytes or two. Longer messages are not even parsed.
_LONGEST_COMMAND: Final = 4096
_MEMBER: Final = b'"command"'


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one agent; at first nothing, so the first gate asks."""

    held: bool = False
    steps: int = 0
    sure: bool = False
    overtaken: bool = False
    """Whether a command came since the question that is under way."""

    @property
    def may_pass(self) -> bool:
        """Whether the agent may go on, as far as is known."""
        return not self.held or self.steps > 0


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer; `refused` where somebody was there, but could not say."""

    refused: bool = False


Answer = GateOpen | GateHeld | Silence


class Move(Enum):
    """What a gate does next."""

    PASS = auto()
    ASK = auto()
    WAIT = auto()
    """For news, or for a while, and then ask again."""


def read_command(body: bytes) -> CtlMessage | None:
    """The command that a message on `ctl` holds, or None where it holds none.

    Anything may arrive there: another agent can have its own acknowledgements and gate answers
    sent to this subject. What is no command is passed over, at little cost and without an error.
    """
    if len(body) > _LONGEST_COMMAND or _MEMBER not in body:
        return None
    try:
        return CtlMessage.model_validate_json(body)
    except ValidationError:
        return None


def told(known: Known, message: CtlMessage) -> Known:
    """A command has come."""
    command: Command = message.command
    match command:
        case "pause":
            return Known(held=True, overtaken=True)
        case "resume" if known.held:
            return Known(overtaken=True)
        case "step" if known.held:
            return Known(True, known.steps + (message.events or 1), overtaken=True)
        case "resume" | "step":
            # Of a hold that was never heard of: nothing is changed by its end.
            return replace(known, overtaken=True)
        case _:
            assert_never(command)


def asking(known: Known) -> Known:
    """A question is about to be sent."""
    return replace(known, overtaken=False)


def answered(known: Known, answer: Answer) -> Known:
    """What came of the question."""
    match answer:
        case _ if known.overtaken:
            return replace(known, sure=False)
        case Silence():
            return replace(known, sure=False)
        case GateOpen(events=None):
            return Known(sure=True)
        case GateOpen(events=events):
            return Known(True, events or 0, sure=True)
        case GateHeld():
            return Known(held=True, sure=True)
        case _:
            assert_never(answer)


def recorded(known: Known) -> Known:
    """The agent has recorded an event."""
    return replace(known, steps=max(0, known.steps - 1))


def move(known: Known, answer: Answer, *, exact: bool, gave_up: bool) -> Move:
    """What a gate does after an answer; `gave_up` where silence has lasted long enough."""
    if not isinstance(answer, Silence):
        if not known.sure:
            return Move.ASK
        return Move.PASS if known.may_pass else Move.WAIT
    if not known.may_pass:
        # Nobody releases an agent by being silent.
        return Move.WAIT
    return Move.WAIT if exact and not gave_up else Move.PASS
