"""`diff`: what changed between two moments."""

from typing import Annotated

import typer

from stratoscope.cli import diffs
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
from stratoscope.cli.moments import moment
from stratoscope.cli.screen import stdout
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.comparing import CompareReply, CompareRequest
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
