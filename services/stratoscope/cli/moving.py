"""`step`: one move of a debugging session, and what it changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.text import Text

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
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.moments import moment, step_size
from stratoscope.cli.screen import stdout
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.comparing import CompareReply, CompareRequest
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.looking import Direction, EventsListRequest
from stratoscope_contracts.sessions import (
    Session,
    SessionConfig,
    SessionCreateRequest,
    SessionGotoRequest,
    SessionRequest,
    SessionStepRequest,
    StepSize,
)
from stratoscope_contracts.views import At, AtEventIndex, AtSnapshot, Event, Position
from stratoscope_contracts.words import DEFAULT_SPACE, MAX_SESSION_SECONDS

_STEP_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Step:
    """Where to step from, how far, and which way."""

    start: At | None
    direction: Direction
    size: StepSize


@dataclass(frozen=True, slots=True)
class Standing:
    """The session that is stepped, and whether it is there to go on with."""

    session: Session
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step that was taken, and the session that goes on from there, if one does."""

    session: UUID | None
    event: Event | None
    changed: CompareReply

    def document(self) -> dict[str, object]:
        """As JSON."""
        changed: dict[str, object] = self.changed.model_dump(mode="json", by_alias=True)
        position = changed.pop("to")
        event = self.event.model_dump(mode="json", by_alias=True) if self.event else None
        session = str(self.session) if self.session else None
        return {"session": session, "position": position, "event": event, **changed}


def step(
    agent: Annotated[
        str | None,
        typer.Argument(help="The agent's name; not needed with --session.", show_default=False),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="The moment to step from; latest, or where the session stands."
        ),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option("--session", help="Go on with this session.", show_default=False),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the session of this step, to go on with it.")
    ] = False,
    back: Annotated[bool, typer.Option("--back", help="Towards the beginning.")] = False,
    by: Annotated[
        str, typer.Option("--by", help="How far: event, snapshot, 5 (events) or 2.5s.")
    ] = "event",
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """One step through a timeline, either way, and what it changed."""
    asking = Asking(server, space, timeout, output)
    wanted = Step(
        moment(start) if start else None, "backward" if back else "forward", step_size(by)
    )
    opening = _opening(agent, session, keep=keep)

    async def question(nav: Navigator) -> Stepped:
        async with _stands(nav, opening, keep=keep) as stands:
            return await _step(nav, stands, wanted)

    stepped = asking.ask(question)
    asking.show(stepped.document(), lambda: _rendered(stepped, stdout().width))


def _opening(
    agent: str | None, session: str | None, *, keep: bool
) -> SessionCreateRequest | SessionRequest:
    """The request that a step begins with: for the session named, or for a new one."""
    if session is not None:
        return request_of(SessionRequest, id=session)
    if agent is None:
        raise UsageFault(
            "neither an agent nor a session is named",
            "stratoscope step AGENT --from 12, or stratoscope step --session ID",
        )
    # A command that is killed leaves its session behind.
    seconds = MAX_SESSION_SECONDS if keep else _STEP_SECONDS
    config = SessionConfig(auto_breakpoints=False, max_session_duration=seconds)
    return request_of(SessionCreateRequest, agent=agent, name="stratoscope step", config=config)


@asynccontextmanager
async def _stands(
    nav: Navigator, opening: SessionCreateRequest | SessionRequest, *, keep: bool
) -> AsyncIterator[Standing]:
    """The session that is stepped: one that is there already, or one for this step."""
    if isinstance(opening, SessionRequest):
        found = (await nav.request("session.get", opening)).session
        if found.state == "created":
            await nav.request("session.start", opening)
        yield Standing(found, is_kept=True)
        return
    made = (await nav.request("session.create", opening)).session
    body = SessionRequest(id=made.id)
    await nav.request("session.start", body)
    done = False
    try:
        yield Standing(made, is_kept=keep)
        done = True
    finally:
        if not (keep and done):
            await _forget(nav, body)


async def _forget(nav: Navigator, body: SessionRequest) -> None:
    """End a session that was for one step; where nobody answers, it ends by itself."""
    with suppress(StratoError):
        await nav.request("session.complete", body)
        await nav.request("session.remove", body)


async def _step(nav: Navigator, standing: Standing, wanted: Step) -> Stepped:
    session = standing.session
    if wanted.start is None:
        before = await nav.request("session.position", SessionRequest(id=session.id))
    else:
        goto = SessionGotoRequest(id=session.id, at=wanted.start)
        before = await nav.request("session.goto", goto)
    body = SessionStepRequest(id=session.id, direction=wanted.direction, size=wanted.size)
    after = await nav.request("session.step", body)
    by_snapshot = wanted.size == "snapshot"
    compared = CompareRequest(
        agent=session.agent,
        from_=_at(before.position, by_snapshot),
        to=_at(after.position, by_snapshot),
    )
    changed = await nav.request("compare", compared)
    # What the session says of itself, rather than what its place resolves to when asked again.
    changed = changed.model_copy(update={"from_": before.position, "to": after.position})
    kept = session.id if standing.is_kept else None
    return Stepped(kept, await _event(nav, after.position), changed)


def _at(place: Position, by_snapshot: bool) -> At:
    # Two snapshots may follow one event, and an index stands after both.
    if by_snapshot and place.snapshot_id is not None:
        return AtSnapshot(snapshot_id=place.snapshot_id)
    return AtEventIndex(event_index=place.event_index)


async def _event(nav: Navigator, place: Position) -> Event | None:
    if place.event_index < 0:
        return None
    to = AtEventIndex(event_index=place.event_index)
    body = EventsListRequest(agent=place.agent, to=to, direction="backward", limit=1)
    return next(iter((await nav.request("events.list", body)).events), None)


def _rendered(stepped: Stepped, width: int) -> RenderableType:
    lines: list[RenderableType] = [diffs.comparison(stepped.changed, width)]
    if stepped.event is not None:
        lines.insert(0, rendering.event_line(stepped.event))
    if stepped.session is not None:
        onward = f"go on: stratoscope step --session {stepped.session}"
        lines.append(Text(onward, style=rendering.DIM))
    return Group(*lines)
