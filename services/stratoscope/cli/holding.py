"""`pause` and `resume`: holding a live agent by hand."""

from functools import partial
from typing import Annotated, assert_never

import typer
from rich.console import RenderableType
from rich.text import Text

from stratoscope.cli.asking import (
    Asking,
    Output,
    OutputOption,
    ServerOption,
    SpaceOption,
    TimeoutOption,
    request_of,
)
from stratoscope.cli.looking import AgentArgument
from stratoscope.cli.rendering import DIM, clock
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.control import (
    AgentPauseRequest,
    AgentReply,
    AgentRequest,
    AgentStepRequest,
)
from stratoscope_contracts.words import DEFAULT_SPACE, MAX_STEP_EVENTS


def pause(
    agent: AgentArgument,
    session: Annotated[
        str | None,
        typer.Option("--session", help="Hold it until this session ends.", show_default=False),
    ] = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Holds a live agent at its gate, until it is resumed or has been held for long."""
    body = request_of(AgentPauseRequest, agent=agent, session=session)
    asking = Asking(server, space, timeout, output)

    async def question(nav: Navigator) -> AgentReply:
        return await nav.request("agent.pause", body)

    reply = asking.ask(question)
    asking.show(reply, partial(rendered, reply))


def resume(
    agent: AgentArgument,
    events: Annotated[
        int | None,
        typer.Option(
            "--events",
            min=1,
            max=MAX_STEP_EVENTS,
            help="Let it record so many events, and hold it again.",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Lets a held agent go on, whoever holds it."""
    body = request_of(AgentRequest, agent=agent)
    if events is not None:
        body = request_of(AgentStepRequest, agent=agent, events=events)
    asking = Asking(server, space, timeout, output)

    async def question(nav: Navigator) -> AgentReply:
        if isinstance(body, AgentStepRequest):
            return await nav.request("agent.step", body)
        return await nav.request("agent.resume", body)

    reply = asking.ask(question)
    asking.show(reply, partial(rendered, reply, events))


def rendered(reply: AgentReply, stepped: int | None = None) -> RenderableType:
    """How the agent stands to its gate now, in a line."""
    name = Text(reply.agent, style="bold")
    by = Text(f"  by {', '.join(reply.held_by)}", style=DIM)
    match reply:
        case AgentReply(held_by=[]):
            return Text.assemble(name, " is held by nobody")
        case AgentReply(held=True) if stepped is not None:
            events = "event" if stepped == 1 else "events"
            return Text.assemble(name, f" may record {stepped} {events} more", by)
        case AgentReply(held=True, waiting_since=None):
            return Text.assemble(name, " is to be held at its next gate", by)
        case AgentReply(held=True, waiting_since=since) if since is not None:
            return Text.assemble(name, f" is held at its gate since {clock(since)}", by)
        case AgentReply():
            return Text.assemble(name, " has never come to a gate, and goes on until it does", by)
        case _:
            assert_never(reply)
