"""`tail`: what happens now, a line each."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel
from rich.console import RenderableType
from rich.text import Text

from stratoscope.cli import hits
from stratoscope.cli.asking import (
    Asking,
    Output,
    OutputOption,
    ServerOption,
    SpaceOption,
    TimeoutOption,
    request_of,
)
from stratoscope.cli.faults import UsageFault, label
from stratoscope.cli.rendering import event_line, told
from stratoscope.cli.screen import show, show_json, stderr
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.words import DEFAULT_SPACE

Shown = TypeVar("Shown", bound=BaseModel)


def tail(
    agent: Annotated[
        str | None,
        typer.Argument(help="The agent; with --hits, all of them without.", show_default=False),
    ] = None,
    hits_: Annotated[bool, typer.Option("--hits", help="Hits of breakpoints, not events.")] = False,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type; repeatable.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", help="Only events at which this CEL holds.", show_default=False),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="End after so many.", show_default=False)
    ] = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """An agent's events as they come, or hits of breakpoints, until Ctrl-C."""
    asking = Asking(server, space, timeout, output)
    if hits_:
        if types or where:
            raise UsageFault(
                "--type and --where pick events, not hits", "leave them out, or --hits"
            )
        _print(asking, lambda nav: nav.hits(agent), hits.line, count)
        return
    if agent is None:
        raise UsageFault("no agent is named", "tail AGENT, or tail --hits for those of every agent")
    body = request_of(EventsListRequest, agent=agent, types=types or None, where=where)
    _print(asking, lambda nav: nav.tail(body, _tell), event_line, count)


def _tell(error: StratoError) -> None:
    """What does not end it, beside the events."""
    text = Text.assemble(("going on", "bold yellow"), f" [{label(error)}]: ", told(error.message))
    stderr().print(text, soft_wrap=True)


def _print(
    asking: Asking,
    listen: Callable[[Navigator], AsyncGenerator[Shown, None]],
    line: Callable[[Shown], RenderableType],
    count: int | None,
) -> None:
    async def question(nav: Navigator) -> None:
        left = count
        async with aclosing(listen(nav)) as found:
            async for one in found:
                if asking.output is Output.JSON:
                    show_json(one)
                else:
                    show(line(one))
                left = None if left is None else left - 1
                if left == 0:
                    return

    asking.ask(question)
