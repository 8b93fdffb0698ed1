"""`debug`: a prompt on one agent's recording."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import typer

from stratoscope.cli.asking import (
    Asking,
    ServerOption,
    SpaceOption,
    TimeoutOption,
    request_of,
)
from stratoscope.cli.debug import display
from stratoscope.cli.debug.conversing import Conversation
from stratoscope.cli.debug.desk import Desk, surveyed
from stratoscope.cli.debug.interrupts import Interrupts
from stratoscope.cli.debug.lines import Lines, Scripted
from stratoscope.cli.faults import Exit, UsageFault
from stratoscope.cli.moments import moment
from stratoscope.cli.screen import show
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.sessions import (
    Session,
    SessionConfig,
    SessionCreateRequest,
    SessionGotoRequest,
    SessionRequest,
)
from stratoscope_contracts.views import At
from stratoscope_contracts.words import DEFAULT_SPACE

_INTERRUPTED = 130


def debug(
    agent: Annotated[
        str | None,
        typer.Argument(help="The agent's name; not needed with --session.", show_default=False),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option("--session", help="Go on with this session, which stays.", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="The moment to begin at; the latest without."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Do not complete the session at the end.")
    ] = False,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """A prompt in the manner of gdb and pdb, or commands from stdin: steps, runs and looks."""
    start = moment(at) if at is not None else None
    opening = _opening(agent, session)

    async def question(nav: Navigator) -> int:
        async with _opened(nav, opening, keep=keep) as found:
            return await _converse(nav, found, start)

    code = Asking(server, space, timeout).ask(question)
    if code:
        raise typer.Exit(code)


def _opening(agent: str | None, session: str | None) -> SessionCreateRequest | SessionRequest:
    """The request that it begins with: for the session named, or for a new one."""
    if session is not None:
        if agent is not None:
            raise UsageFault("a session has its agent already", "stratoscope debug --session ID")
        return request_of(SessionRequest, id=session)
    if agent is None:
        raise UsageFault(
            "neither an agent nor a session is named",
            "stratoscope debug AGENT, or stratoscope debug --session ID",
        )
    # Stopped by what is asked for at the prompt, and by nothing else.
    config = SessionConfig(auto_breakpoints=False)
    return request_of(SessionCreateRequest, agent=agent, name="stratoscope debug", config=config)


@asynccontextmanager
async def _opened(
    nav: Navigator, opening: SessionCreateRequest | SessionRequest, *, keep: bool
) -> AsyncIterator[Session]:
    """The session, active; a new one is completed at the end, unless it is to be kept."""
    if isinstance(opening, SessionRequest):
        found = (await nav.request("session.get", opening)).session
        if found.state == "created":
            found = (await nav.request("session.start", opening)).session
        yield found
        return
    # A session may be made for an agent to come; here that is a name mistyped.
    await nav.request("events.list", EventsListRequest(agent=opening.agent, limit=1))
    made = (await nav.request("session.create", opening)).session
    own = SessionRequest(id=made.id)
    try:
        yield (await nav.request("session.start", own)).session
    finally:
        if not keep:
            with suppress(StratoError):
                await nav.request("session.complete", own)


async def _converse(nav: Navigator, session: Session, start: At | None) -> int:
    """The exit code; what went wrong at a terminal was told there, and is no failure."""
    own = SessionRequest(id=session.id)
    if start is not None:
        goto = SessionGotoRequest(id=session.id, at=start)
        position = (await nav.request("session.goto", goto)).position
    else:
        position = (await nav.request("session.position", own)).position
    interrupts = Interrupts()
    place, _ = await surveyed(nav, None, position)
    desk = Desk(nav, session, place, interrupts)
    typed = _lines(desk)
    if typed.is_interactive:
        show(display.session(session, place))
    conversation = Conversation(desk, typed)
    with interrupts.heard():
        await conversation.hold(interrupts)
    if conversation.interrupted:
        return _INTERRUPTED
    return Exit.FAILED if conversation.failed and not typed.is_interactive else Exit.DONE


def _lines(desk: Desk) -> Lines:
    """Those of this process's input."""
    if not sys.stdin.isatty():
        return Scripted(sys.stdin.fileno())
    # Imported by who needs it alone.
    from stratoscope.cli.debug.terminal import Typed

    return Typed(desk)
