"""`cut`: the states of all agents at one moment."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

import typer
from rich.console import Group, RenderableType
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
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.gist import cut as shortest
from stratoscope.cli.gist import gist, plain
from stratoscope.cli.moments import moment
from stratoscope.cli.rendering import DIM, columns, day_and_time, said
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.looking import StateCutReply, StateCutRequest
from stratoscope_contracts.views import AtStreamSeq, AtTime, CutAt, CutTime
from stratoscope_contracts.words import DEFAULT_SPACE

_LONGEST: Final = 80
# Whatever is recorded by now is before it, and no clock has to agree with the broker's.
_LATEST: Final = CutTime(time=datetime.max.replace(tzinfo=UTC))


def cut(
    at: Annotated[
        str,
        typer.Option(
            "--at", help="latest, a time by the broker's clock, occurred:<time> or seq:<n>."
        ),
    ] = "latest",
    agents: Annotated[
        list[str] | None,
        typer.Option("--agent", help="Only this agent; may be given again.", show_default=False),
    ] = None,
    path: Annotated[
        str, typer.Option("--path", help="Only this part, as in position.x or inventory[1].")
    ] = "",
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """The states of all agents at one moment."""
    asking = Asking(server, space, timeout, output)
    body = request_of(StateCutRequest, at=cut_moment(at), agents=agents or None, path=path)

    async def question(nav: Navigator) -> StateCutReply:
        return await nav.request("state.cut", body)

    reply = asking.ask(question)
    asking.show(reply, partial(rendered, reply, path))


def cut_moment(text: str) -> CutAt:
    """Read where a cut goes through; UsageFault where no cut can."""
    if text == "latest":
        return _LATEST
    match moment(text):
        case AtStreamSeq() as at:
            return at
        case AtTime(time=time):
            occurred = text.startswith("occurred:")
            return CutTime(time=time, clock="occurred" if occurred else "recorded")
        case _:
            raise UsageFault(
                f"{text} is a moment of one agent, a cut goes through all",
                "a cut is at latest, 2026-11-23T08:00Z, occurred:<time> or seq:<n>",
            )


def rendered(reply: StateCutReply, path: str) -> RenderableType:
    """A line an agent."""
    through = "by the agents' own clocks"
    if reply.stream_seq is not None:
        through = f"up to message {reply.stream_seq}"
    count = f"{len(reply.states)} agent" + ("" if len(reply.states) == 1 else "s")
    title = Text.assemble((count, "bold"), (f"  {through}", DIM), f"  {path}" if path else "")
    rows = [
        (
            Text(view.agent, style="bold"),
            Text(str(view.position.event_index)),
            Text(day_and_time(view.position.occurred_at)),
            _told(view.state),
        )
        for view in reply.states
    ]
    return Group(title, columns(("agent", "event>", "time", "state"), rows, stretched=3))


def _told(state: object) -> Text:
    """The most telling values of a state; a value without names is told as it is."""
    return said(state) if gist(state) else Text(shortest(plain(state), _LONGEST))
