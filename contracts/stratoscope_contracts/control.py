"""Holding a live agent: the commands sent to it, and the gate at which it asks.

A hold is not an error and not a state of the log: it is a command that the agent's recorder
heeds when the agent next comes to its gate.
"""

from typing import Annotated, Literal

from pydantic import Field

from stratoscope_contracts.envelopes import Reply, Request, ValueModel
from stratoscope_contracts.words import AgentName, StreamSeq

Command = Literal["pause", "resume", "step"]
BY_HAND = "operator"


def _is_none(value: object) -> bool:
    return value is None


class AgentRequest(Request):
    """Holds an agent, or lets it go on."""

    agent: AgentName


class AgentStepRequest(AgentRequest):
    """Lets a held agent record so many events more."""

    events: Annotated[int, Field(ge=1)] = 1


class AgentReply(Reply):
    """Whether the agent is held now, and by whom: breakpoint ids, or `operator`."""

    agent: AgentName
    held: bool
    held_by: list[str]


class CtlMessage(ValueModel):
    """A command to a live agent; `by` is a breakpoint's id, or `operator`; `events` is a step's."""

    command: Command
    by: str
    events: Annotated[int | None, Field(ge=1, exclude_if=_is_none)] = None


class GateRequest(Request):
    """May the agent go on, now that everything up to `after` is recorded?"""

    after: StreamSeq


class GateOpen(Reply):
    """Every breakpoint has seen the record, and none holds the agent."""

    go: Literal[True]


class GateHeld(Reply):
    """Those that hold the agent: breakpoint ids, or `operator`."""

    held_by: Annotated[list[str], Field(min_length=1)]


GateReply = GateOpen | GateHeld
