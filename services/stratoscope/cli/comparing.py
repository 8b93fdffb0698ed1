"""`diff` and `why`: what changed between two moments, and what an event came from."""

from typing import Annotated
from uuid import UUID

import typer

from stratoscope.cli import diffs, rendering
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
from stratoscope.cli.moments import EventPlace, event_named, moment
from stratoscope.cli.screen import stdout
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.causes import CausalityChainReply, CausalityChainRequest
from stratoscope_contracts.comparing import CompareReply, CompareRequest
from stratoscope_contracts.errors import EventNotFound
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.words import DEFAULT_SPACE

_A_MOMENT = "A moment: 12, -1, latest, a time, event:<id>, snapshot:<id> or seq:<n>."


def diff(
    agent: AgentArgument,
    before: Annotated[str, typer.Argument(metavar="FROM", help=_A_MOMENT, show_default=False)],
    after: Annotated[str, typer.Argument(metavar="TO", help=_A_MOMENT, show_default=False)],
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """What changed in an agent's state between two moments."""
    asking = Asking(server, space, timeout, output)
    body = request_of(CompareRequest, agent=agent, from_=moment(before), to=moment(after))

    async def question(nav: Navigator) -> CompareReply:
        return await nav.request("compare", body)

    reply = asking.ask(question)
    asking.show(reply, lambda: diffs.comparison(reply, stdout().width))


def why(
    event: Annotated[
        str,
        typer.Argument(help="Its id, or AGENT:MOMENT as in explorer-7:12.", show_default=False),
    ],
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """What an event came from: its causes, from the first one on."""
    asking = Asking(server, space, timeout, output)
    named = event_named(event)

    async def question(nav: Navigator) -> CausalityChainReply:
        event_id = await _event_at(nav, named) if isinstance(named, EventPlace) else named
        return await nav.request("causality.chain", CausalityChainRequest(event_id=event_id))

    reply = asking.ask(question)
    asking.show(reply, lambda: rendering.chain(reply))


async def _event_at(nav: Navigator, place: EventPlace) -> UUID:
    body = request_of(
        EventsListRequest, agent=place.agent, to=place.at, direction="backward", limit=1
    )
    found = (await nav.request("events.list", body)).events
    if not found:
        raise EventNotFound(f"{place.agent} has no event there")
    return found[0].id
