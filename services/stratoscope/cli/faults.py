"""How a command can end, and what a person is told then.

0  done
1  failed
2  used wrongly
3  what was asked for is not there
4  nobody could be reached, or nobody answered in time
"""

from enum import IntEnum
from typing import Final

from stratoscope.cli.horizons import behind
from stratoscope.client.errors import NoAnswerInTime, Unreachable
from stratoscope_contracts.errors import (
    BadRequest,
    Code,
    InvalidExpression,
    NavigationOutOfBounds,
    NotFound,
    OverBudget,
    StratoError,
)


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4


class Fault(Exception):
    """A command's own failure: what was wrong, and what to do about it."""

    exit_code = Exit.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageFault(Fault):
    """The command line says something that can't be meant."""

    exit_code = Exit.USAGE


def exit_code(error: StratoError) -> Exit:
    """How a command ends that met this."""
    if isinstance(error, Unreachable | NoAnswerInTime):
        return Exit.UNREACHABLE
    if isinstance(error, BadRequest | InvalidExpression):
        # What was typed went through to the service, which then could not take it.
        return Exit.USAGE
    return Exit.NOT_FOUND if isinstance(error, NotFound) else Exit.FAILED


def label(error: StratoError) -> str:
    """The word that stands before the message: the contract's code, or the way to the service."""
    match error:
        case Unreachable():
            return "unreachable"
        case NoAnswerInTime():
            return "no answer"
        case _:
            return error.code.value


def particulars(error: StratoError) -> list[str]:
    """The fields that a request was refused for, a line each."""
    if not isinstance(error, BadRequest | InvalidExpression):
        return []
    listed = error.details.get("errors")
    found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return [f"{item.get('field') or 'body'}: {item.get('message', '')}" for item in found]


def advice(error: StratoError) -> str:
    """What to do about it; empty where the message says all."""
    if dropped := behind(error):
        return dropped
    match error:
        case Unreachable() if "authorization" in error.message.lower():
            return "the broker is there: give it the right login with --creds or STRATO_NATS_CREDS"
        case OverBudget(details={"most": _}):
            # The message says what makes room.
            return ""
        case Unreachable():
            return (
                "start one with `stratoscope up`, or say where it is with --server or"
                " STRATO_NATS_URL"
            )
        case NoAnswerInTime():
            return "give it longer with --timeout 30, or look at the navigator's log"
        case NavigationOutOfBounds(details={"first": int() as first, "last": int() as last}):
            return f"the timeline goes from {first} to {last}; --back steps towards the beginning"
        case _:
            return _ADVICE.get(error.code, "")


_ADVICE: Final = {
    Code.AGENT_NOT_FOUND: "`stratoscope agents` lists those there are; is --space the right one?",
    Code.EVENT_NOT_FOUND: "`stratoscope events AGENT --ids` lists events with their ids",
    Code.SNAPSHOT_NOT_FOUND: "`stratoscope step AGENT --by snapshot` stands at one",
    Code.SESSION_NOT_FOUND: "`stratoscope step AGENT` begins a new session",
    Code.EMPTY_EVENT_LOG: "the agent has recorded no event yet",
    Code.CONCURRENT_ACCESS: "begin a new session with `stratoscope step AGENT`",
    Code.NOT_PROJECTED_YET: "`stratoscope stats` shows how far the projector is behind",
    Code.OVER_BUDGET: "ask for less: a smaller range, a deeper --path or fewer --limit",
    Code.INTERNAL: "the service's log has the cause",
}
