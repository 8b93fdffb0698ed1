"""`why`: what an event came from, or led to."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from stratoscope.cli import reasons
from stratoscope.cli.asking import (
    Asking,
    Output,
    OutputOption,
    ServerOption,
    SpaceOption,
    TimeoutOption,
    request_of,
)
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.moments import EventPlace, event_named
from stratoscope.cli.screen import write_text
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.causes import (
    CausalityGraphReply,
    CausalityGraphRequest,
    CausalityPathRequest,
    CausalityRelationReply,
    CausalityRelationRequest,
)
from stratoscope_contracts.errors import EventNotFound
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.words import DEFAULT_SPACE

_AN_EVENT = "Its id, or AGENT:MOMENT as in explorer-7:12."
EventArgument = Annotated[str, typer.Argument(help=_AN_EVENT, show_default=False)]


class Direction(StrEnum):
    """Which way to follow."""

    CAUSES = "causes"
    EFFECTS = "effects"
    BOTH = "both"


def why(
    event: EventArgument,
    direction: Annotated[
        Direction,
        typer.Option("--direction", "-d", help="What led to it, what it led to, or both."),
    ] = Direction.CAUSES,
    depth: Annotated[
        int | None, typer.Option("--depth", min=1, help="How many steps away at most.")
    ] = None,
    nodes: Annotated[
        int, typer.Option("--nodes", min=1, max=10_000, help="How many events, the nearest first.")
    ] = 200,
    dot: Annotated[bool, typer.Option("--dot", help="Write the graph as DOT (Graphviz).")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Write it as Mermaid.")] = False,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """What an event came from: the graph of its causes, across agents, from the first one on."""
    asking = Asking(server, space, timeout, output)
    named = event_named(event)
    body = {"direction": direction.value, "max_depth": depth, "max_nodes": nodes}
    body["format"] = _format(dot, mermaid)

    async def question(nav: Navigator) -> tuple[UUID, CausalityGraphReply]:
        id_ = await event_id(nav, named)
        request = request_of(CausalityGraphRequest, event_id=id_, **body)
        return id_, await nav.request("causality.graph", request)

    asked, reply = asking.ask(question)
    if reply.text is not None and output is Output.TABLE:
        write_text(reply.text, is_json=False)
    else:
        asking.show(reply, lambda: reasons.graph(reply, asked))


def relation(
    a: EventArgument,
    b: EventArgument,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Which of two events happened before the other, and the shortest way from one to the other."""
    asking = Asking(server, space, timeout, output)
    first, second = event_named(a), event_named(b)

    async def question(nav: Navigator) -> tuple[CausalityRelationReply, reasons.Path]:
        ids = await event_id(nav, first), await event_id(nav, second)
        found = await nav.request(
            "causality.relation", CausalityRelationRequest(a=ids[0], b=ids[1])
        )
        if found.relation not in ("before", "after"):
            return found, None
        cause, effect = ids if found.relation == "before" else ids[::-1]
        way = await nav.request("causality.path", CausalityPathRequest(from_=cause, to=effect))
        return found, way.events

    found, way = asking.ask(question)
    events = None if way is None else [event.model_dump(mode="json") for event in way]
    document: dict[str, object] = {"relation": found.relation, "events": events}
    asking.show(document, lambda: reasons.relation(found.relation, a, b, way))


async def event_id(nav: Navigator, named: UUID | EventPlace) -> UUID:
    """The id of an event that was named by its place. Raises EventNotFound."""
    if isinstance(named, UUID):
        return named
    body = request_of(
        EventsListRequest, agent=named.agent, to=named.at, direction="backward", limit=1
    )
    found = (await nav.request("events.list", body)).events
    if not found:
        raise EventNotFound(f"{named.agent} has no event there")
    return found[0].id


def _format(dot: bool, mermaid: bool) -> str:
    if dot and mermaid:
        raise UsageFault("--dot and --mermaid are two ways to write one graph", "take one of them")
    return "dot" if dot else "mermaid" if mermaid else "json"
