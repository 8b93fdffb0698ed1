"""`history` and `blame`: one field through time."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

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
from stratoscope.cli.diffs import change_lines
from stratoscope.cli.horizons import begins
from stratoscope.cli.looking import AgentArgument
from stratoscope.cli.moments import moment
from stratoscope.cli.rendering import DIM, position
from stratoscope.cli.screen import stdout
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.looking import (
    StateHistoryReply,
    StateHistoryRequest,
    StateLastWriteReply,
    StateLastWriteRequest,
)
from stratoscope_contracts.views import AtEventIndex, Change, Position
from stratoscope_contracts.words import DEFAULT_LIMIT, DEFAULT_SPACE

PathArgument = Annotated[
    str, typer.Argument(help="The field, as in position.x or inventory[1].", show_default=False)
]


def history(
    agent: AgentArgument,
    path: PathArgument,
    start: Annotated[
        str | None, typer.Option("--from", help="After this moment.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Up to and with this moment.", show_default=False)
    ] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    everything: AllOption = False,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Every change of a field, oldest first."""
    asking = Asking(server, space, timeout, output)
    size, at_most = page_size(limit, everything)
    body = request_of(
        StateHistoryRequest,
        agent=agent,
        path=path,
        from_=moment(start) if start else None,
        to=moment(end) if end else None,
        limit=size,
    )

    async def question(nav: Navigator) -> StateHistoryReply:
        return await as_one(nav.pages("state.history", body, at_most=at_most), "changes")

    reply = asking.ask(question)
    asking.show(reply, partial(changes, reply, path))


def blame(
    agent: AgentArgument,
    path: PathArgument,
    before: Annotated[str, typer.Option("--before", help="At or before this moment.")] = "latest",
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="So many writes, newest first.")
    ] = 1,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Who wrote a field last, and who before that."""
    asking = Asking(server, space, timeout, output)
    body = request_of(StateLastWriteRequest, agent=agent, path=path, before=moment(before))

    async def question(nav: Navigator) -> list[StateLastWriteReply]:
        return [reply async for reply in _writes(nav, body, count)]

    found = asking.ask(question)
    document: dict[str, object] = {
        "writes": [
            write.model_dump(mode="json", by_alias=True)
            for write in found
            if write.change is not None
        ]
    }
    asking.show(document, partial(writes, found, path))


async def _writes(
    nav: Navigator, body: StateLastWriteRequest, count: int
) -> AsyncIterator[StateLastWriteReply]:
    """The newest writes, each looked for before the one that was found; a last one may be none."""
    for _ in range(count):
        reply = await nav.request("state.last_write", body)
        yield reply
        if reply.change is None or reply.previous is None:
            return
        before = AtEventIndex(event_index=reply.previous.event_index)
        body = body.model_copy(update={"before": before})


def changes(reply: StateHistoryReply, path: str) -> RenderableType:
    """The changes of a field, oldest first."""
    if not reply.changes:
        return Group(_nobody(path), *begins(reply.horizon))
    lines = [_write(one.change, one.position, one.event_span) for one in reply.changes]
    more = [Text("there is more: --limit or --all", style=DIM)] if reply.cursor else []
    return Group(*begins(reply.horizon), *lines, *more)


def writes(found: Sequence[StateLastWriteReply], path: str) -> RenderableType:
    """The writes of a field, newest first."""
    known = [
        _write(write.change, write.position, write.event_span or 0)
        for write in found
        if write.change is not None and write.position is not None
    ]
    # Where the search came to its end, that may be where retention has dropped what was before.
    ended = [
        line for write in found[-1:] if write.previous is None for line in begins(write.horizon)
    ]
    return Group(*(known or [_nobody(path)]), *ended)


def _write(change: Change, place: Position, span: int) -> RenderableType:
    """Where a field was written, and what was made of it."""
    event = f"  event:{place.event_id}" if place.event_id else ""
    sure = "" if span <= 1 else f"  one of {span} events"
    title = Text.assemble(position(place), (event, DIM), (sure, "yellow"))
    return Group(title, *change_lines(change, stdout().width))


def _nobody(path: str) -> Text:
    return Text(f"nobody wrote {path or 'the state'} there", style=DIM)
