"""Commands that move the session, and show where it comes to."""

from typing import Final

from pydantic import ValidationError

from stratoscope.cli.asking import request_of
from stratoscope.cli.conditions import condition
from stratoscope.cli.debug import display
from stratoscope.cli.debug.commands import count, words
from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.debug.searching import searching
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.moments import moment, step_size
from stratoscope.cli.screen import show, stdout
from stratoscope_contracts.errors import OverBudget
from stratoscope_contracts.looking import Direction
from stratoscope_contracts.sessions import (
    EventsSize,
    SessionContinueReply,
    SessionContinueRequest,
    SessionGotoRequest,
    SessionStepRequest,
    StepSize,
)
from stratoscope_contracts.views import Position

# An operator ends a run by Ctrl-C, not a clock.
_SECONDS: Final = 3600.0


async def next_(desk: Desk, rest: str) -> None:
    """So many events on."""
    await _step(desk, "forward", EventsSize(events=count(rest, 1)))


async def back(desk: Desk, rest: str) -> None:
    """So many events back."""
    await _step(desk, "backward", EventsSize(events=count(rest, 1)))


async def step(desk: Desk, rest: str) -> None:
    """On by any size."""
    await _step(desk, "forward", step_size(rest or "event"))


async def reverse_step(desk: Desk, rest: str) -> None:
    """Back by any size."""
    await _step(desk, "backward", step_size(rest or "event"))


async def continue_(desk: Desk, rest: str) -> None:
    """On to a hit."""
    await _run(desk, "forward", rest)


async def reverse_continue(desk: Desk, rest: str) -> None:
    """Back to a hit."""
    await _run(desk, "backward", rest)


async def goto(desk: Desk, rest: str) -> None:
    """To a moment or a mark."""
    if not rest:
        raise UsageFault("goto takes a moment or the name of a mark")
    body = await _destination(desk, rest)
    await _come(desk, (await desk.nav.request("session.goto", body)).position)


async def undo(desk: Desk, rest: str) -> None:
    """To the place before."""
    words(rest, 0, 0, "")
    await _come(desk, (await desk.nav.request("session.back", desk.own)).position)


async def redo(desk: Desk, rest: str) -> None:
    """To the place that was left by undo."""
    words(rest, 0, 0, "")
    await _come(desk, (await desk.nav.request("session.forward", desk.own)).position)


async def _step(desk: Desk, direction: Direction, size: StepSize) -> None:
    body = SessionStepRequest(id=desk.session.id, direction=direction, size=size)
    await _come(desk, (await desk.nav.request("session.step", body)).position)


async def _come(desk: Desk, position: Position) -> None:
    changed = await desk.arrive(position)
    show(display.arrival(desk.place, changed, stdout().width))


async def _destination(desk: Desk, rest: str) -> SessionGotoRequest:
    """Where to go; a name that could be both is a moment."""
    name = rest.removeprefix("mark:")
    if name == rest:
        try:
            return SessionGotoRequest(id=desk.session.id, at=moment(rest))
        except UsageFault:
            if await desk.mark(name) is None:
                raise
    return request_of(SessionGotoRequest, id=desk.session.id, mark=name)


async def _run(desk: Desk, direction: Direction, rest: str) -> None:
    until = {"until": condition([rest])} if rest else {}
    body = request_of(
        SessionContinueRequest,
        id=desk.session.id,
        direction=direction,
        seconds=_SECONDS,
        **until,
    )
    with desk.interrupts.stopping() as stop:
        try:
            with searching() as tell:
                reply = await desk.nav.request_long("session.continue", body, tell, stop)
        except OverBudget as error:
            await _cut_short(desk, error)
            if not stop.is_set():
                raise
            show(display.left(desk.place))
            return
    assert isinstance(reply, SessionContinueReply)
    await _come(desk, reply.position)
    show(display.stopped(reply.stopped_by, direction, desk.numbers))


async def _cut_short(desk: Desk, error: OverBudget) -> None:
    """A run that was left, or can't go on: the session stands where it got to."""
    try:
        position = Position.model_validate(error.details.get("position"))
    except ValidationError:
        position = (await desk.nav.request("session.position", desk.own)).position
    await _come(desk, position)
