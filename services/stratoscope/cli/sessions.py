"""`sessions`, `session` and `close`: the debugging sessions of a space."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, get_args

import typer
from rich.console import Group, RenderableType
from rich.text import Text

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
from stratoscope.cli.faults import UsageFault
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.sessions import (
    Session,
    SessionHistoryReply,
    SessionListReply,
    SessionListRequest,
    SessionMarksReply,
    SessionRequest,
    SessionState,
)
from stratoscope_contracts.views import Position
from stratoscope_contracts.words import DEFAULT_LIMIT, DEFAULT_SPACE

SessionArgument = Annotated[str, typer.Argument(help="The session's id.", show_default=False)]


@dataclass(frozen=True, slots=True)
class Told:
    """A session, its navigation history and its marks."""

    session: Session
    history: SessionHistoryReply
    marks: SessionMarksReply

    def document(self) -> dict[str, object]:
        """As JSON."""
        history = self.history.model_dump(mode="json", exclude={"version"})
        marks = self.marks.model_dump(mode="json", exclude={"version"})
        return {"session": self.session.model_dump(mode="json"), **history, **marks}


def sessions(
    agent: Annotated[
        str | None, typer.Option("--agent", help="Only this agent's.", show_default=False)
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", help=f"Only one of {', '.join(get_args(SessionState))}.", show_default=False
        ),
    ] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    everything: AllOption = False,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """The debugging sessions of the space, newest first."""
    asking = Asking(server, space, timeout, output)
    size, at_most = page_size(limit, everything)
    body = request_of(SessionListRequest, agent=agent, state=state, limit=size)

    async def question(nav: Navigator) -> SessionListReply:
        return await as_one(nav.pages("session.list", body, at_most=at_most), "sessions")

    reply = asking.ask(question)
    asking.show(reply, partial(listed, reply))


def session(
    session_id: SessionArgument,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """One debugging session: its state, the places that it has stood at, and its marks."""
    body = request_of(SessionRequest, id=session_id)
    asking = Asking(server, space, timeout, output)

    async def question(nav: Navigator) -> Told:
        found = (await nav.request("session.get", body)).session
        history = await nav.request("session.history", body)
        return Told(found, history, await nav.request("session.marks", body))

    told = asking.ask(question)
    asking.show(told.document(), partial(shown, told))


def close(
    session_ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Sessions' ids.", show_default=False)
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Forget them, too.")] = False,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Completes debugging sessions, whatever state they are in."""
    bodies = [request_of(SessionRequest, id=one) for one in session_ids]
    if not bodies:
        raise UsageFault("no session is named", "stratoscope sessions lists them")
    asking = Asking(server, space, timeout, output)

    async def question(nav: Navigator) -> list[Session]:
        return [await _closed(nav, body, remove=remove) for body in bodies]

    closed = asking.ask(question)
    done = "removed" if remove else "completed"
    document: dict[str, object] = {done: [str(one.id) for one in closed]}
    asking.show(document, lambda: Group(*(Text(f"{done} {one.id}") for one in closed)))


async def _closed(nav: Navigator, body: SessionRequest, *, remove: bool) -> Session:
    found = (await nav.request("session.get", body)).session
    if found.state == "created":
        # Only what was started can be completed.
        await nav.request("session.start", body)
    if found.state != "completed":
        found = (await nav.request("session.complete", body)).session
    if remove:
        await nav.request("session.remove", body)
    return found


def listed(reply: SessionListReply) -> RenderableType:
    """Sessions, a line each."""
    if not reply.sessions:
        return Text("There is no such session.", style=rendering.DIM)
    rows: list[rendering.Row] = [
        (
            Text(str(one.id)),
            Text(one.state, style=_STYLES[one.state]),
            Text(one.agent, style="bold"),
            Text(_at(one.position)),
            Text(one.name or ""),
        )
        for one in reply.sessions
    ]
    headings = ("session", "state", "agent", "at>", "name")
    return Group(rendering.columns(headings, rows, stretched=4), *rendering.more(reply.cursor))


def shown(told: Told) -> RenderableType:
    """A session in full."""
    one = told.session
    lines = [
        Text.assemble((str(one.id), "bold"), f"  {one.name or ''}"),
        Text.assemble((one.state, _STYLES[one.state]), f"  {one.reason or ''}"),
        *([Text(one.description)] if one.description else []),
        *([Text(f"tags  {', '.join(one.tags)}")] if one.tags else []),
    ]
    for number, place in enumerate(told.history.positions):
        here = "▶ " if number == told.history.current else "  "
        lines.append(Text.assemble(here, rendering.position(place)))
    for mark in told.marks.marks:
        note = f"  {mark.note}" if mark.note else ""
        lines.append(
            Text.assemble((f"* {mark.name}  ", "yellow"), rendering.position(mark.position), note)
        )
    return Group(*lines)


def _at(place: Position | None) -> str:
    return "" if place is None else f"{place.event_index:,}"


_STYLES: dict[SessionState, str] = {
    "created": "cyan",
    "active": "green",
    "paused": "yellow",
    "completed": rendering.DIM,
    "error": "bold red",
}
