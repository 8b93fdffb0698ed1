"""`agents`, `events`, `state` and `stats`: looking, which changes nothing."""

from functools import partial
from typing import Annotated

import typer

from stratoscope.cli import rendering
from stratoscope.cli.asking import (
    AllOption,
    Asking,
    LimitOption,
    Output,
    OutputOption,
    ServerOption,
    SpaceOption,
    TimeoutOption,
    as_one,
    page_size,
    request_of,
)
from stratoscope.cli.moments import moment
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.looking import (
    AgentsListReply,
    AgentsListRequest,
    EventsListReply,
    EventsListRequest,
    StateAtReply,
    StateAtRequest,
    StatsReply,
    StatsRequest,
)
from stratoscope_contracts.words import DEFAULT_LIMIT, DEFAULT_SPACE

AgentArgument = Annotated[str, typer.Argument(help="The agent's name.", show_default=False)]


def agents(
    prefix: Annotated[str | None, typer.Argument(help="Only names that begin so.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    everything: AllOption = False,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """The agents of the space, with how much each has recorded."""
    asking = Asking(server, space, timeout, output)
    size, at_most = page_size(limit, everything)
    body = request_of(AgentsListRequest, prefix=prefix, limit=size)

    async def question(nav: Navigator) -> AgentsListReply:
        return await as_one(nav.pages("agents.list", body, at_most=at_most), "agents")

    reply = asking.ask(question)
    asking.show(reply, partial(rendering.agents, reply, space))


def events(
    agent: AgentArgument,
    start: Annotated[
        str | None, typer.Option("--from", help="After this moment.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Up to and with this moment.", show_default=False)
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only this type; may be given again.", show_default=False),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            help="Only where this holds: CEL over event and state, as in 'state.health < 10'.",
            show_default=False,
        ),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Newest first.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Ids in place of contents.")] = False,
    limit: LimitOption = DEFAULT_LIMIT,
    everything: AllOption = False,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """An agent's timeline, a line an event."""
    asking = Asking(server, space, timeout, output)
    size, at_most = page_size(limit, everything)
    body = request_of(
        EventsListRequest,
        agent=agent,
        from_=moment(start) if start else None,
        to=moment(end) if end else None,
        types=types or None,
        where=where,
        direction="backward" if reverse else "forward",
        limit=size,
    )

    async def question(nav: Navigator) -> EventsListReply:
        return await as_one(nav.pages("events.list", body, at_most=at_most), "events")

    reply = asking.ask(question)
    asking.show(reply, partial(rendering.timeline, reply, agent, ids=ids))


def state(
    agent: AgentArgument,
    at: Annotated[str, typer.Option("--at", help="The moment to stand at.")] = "latest",
    path: Annotated[
        str, typer.Option("--path", help="Only this part, as in position.x or inventory[1].")
    ] = "",
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """An agent's state at any moment."""
    asking = Asking(server, space, timeout, output)
    body = request_of(StateAtRequest, agent=agent, at=moment(at), path=path)

    async def question(nav: Navigator) -> StateAtReply:
        return await nav.request("state.at", body)

    reply = asking.ask(question)
    asking.show(reply, partial(rendering.state, reply, path))


def stats(
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """What the space holds, and how far the log is projected."""
    asking = Asking(server, space, timeout, output)

    async def question(nav: Navigator) -> StatsReply:
        return await nav.request("stats", StatsRequest())

    reply = asking.ask(question)
    asking.show(reply, partial(rendering.stats, reply, space))
