"""`replay`: an agent's events again, a line each as it happens."""

from contextlib import aclosing
from typing import Annotated

import typer

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
from stratoscope.cli.rendering import event_line
from stratoscope.cli.screen import show, show_json
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.looking import ReplayRequest
from stratoscope_contracts.words import DEFAULT_SPACE


def replay(
    agent: AgentArgument,
    start: Annotated[
        str | None, typer.Option("--from", help="After this moment.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Up to and with this moment.", show_default=False)
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="At most so many.", show_default=False)
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed",
            help="1 is as fast as it happened, 2 twice as fast; as fast as it can without.",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """An agent's events again, a line each; with --output json a document each."""
    asking = Asking(server, space, timeout, output)
    body = request_of(
        ReplayRequest,
        agent=agent,
        from_=moment(start) if start else None,
        to=moment(end) if end else None,
        count=count,
        speed=speed,
    )

    async def question(nav: Navigator) -> None:
        async with aclosing(nav.replay(body)) as events:
            async for event in events:
                if output is Output.JSON:
                    show_json(event)
                else:
                    show(event_line(event))

    asking.ask(question)
