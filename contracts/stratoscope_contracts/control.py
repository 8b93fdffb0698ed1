"""Holding a live agent: the commands sent to it, and the gate at which it asks.

A hold is not an error and not a state of the log: it is a command that the agent's recorder
heeds when the agent next comes to its gate.
"""

from typing import Annotated, Literal

from pydantic import Field

from stratoscope_contracts.envelopes import Reply, Request, ValueModel
from stratoscope_contracts.words import MAX_STEP_EVENTS, AgentName, Id, StreamSeq, Time

Command = Literal["pause", "resume", "step"]
BY_HAND = "operator"


def _is_none(value: object) -> bool:
    return value is None


class AgentRequest(Request):
    """Lets an agent go on, whoever holds it."""

    agent: AgentName


class AgentPauseRequest(AgentRequest):
    """Holds an agent; with a session, until that ends at the latest."""

    session: Id | None = None


class AgentStepRequest(AgentRequest):
    """Lets a held agent record so many events more."""

    events: Annotated[int, Field(ge=1, le=MAX_STEP_EVENTS)] = 1


class AgentReply(Reply):
    """Whether the agent is held now, and by whom: breakpoint ids, or `operator`.

    Only an agent that is `gated`, which came to its gate before, can be held. `waiting_since` is
    null as long as it is on its way to the gate.
    """

    agent: AgentName
    held: bool
    held_by: list[str]
    gated: bool = False
    waiting_since: Time | None = None


# Built at once, as records are: an agent's program may fork while a thread of it reads its first.
class CtlMessage(ValueModel, defer_build=False):
    """A command to a live agent; `by` is a breakpoint's id, or `operator`; `events` is a step's."""

    command: Command
    by: str
    events: Annotated[int | None, Field(ge=1, le=MAX_STEP_EVENTS, exclude_if=_is_none)] = None


class GateRequest(Request, defer_build=False):
    """May the agent go on, now that everything up to `after` is recorded?"""

    after: StreamSeq


class GateOpen(Reply):
    """Every breakpoint has seen the record, and none holds the agent.

    With `events` it is held, but may record so many more before it asks again.
    """

    go: Literal[True]
    events: Annotated[int | None, Field(ge=1, exclude_if=_is_none)] = None


class GateHeld(Reply):
    """Those that hold the agent: breakpoint ids, or `operator`."""

    held_by: Annotated[list[str], Field(min_length=1)]


GateReply = GateOpen | GateHeld
