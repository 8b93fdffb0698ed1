"""Commands about breakpoints."""

from stratoscope.cli.asking import request_of
from stratoscope.cli.conditions import condition
from stratoscope.cli.debug import display
from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.screen import show
from stratoscope_contracts.breakpoints import (
    BreakpointCreateRequest,
    BreakpointRequest,
    Condition,
    OnChangeCondition,
)


async def break_(desk: Desk, rest: str) -> None:
    """Set one, or list them."""
    if not rest:
        show(display.breakpoints(await desk.breakpoints()))
        return
    await _set(desk, condition([rest]))


async def watch(desk: Desk, rest: str) -> None:
    """Set one on a field's changes."""
    if not rest:
        raise UsageFault("watch takes a path, as in position.x or inventory[1]")
    await _set(desk, request_of(OnChangeCondition, kind="on_change", path=rest))


async def delete(desk: Desk, rest: str) -> None:
    """Remove them."""
    for word in _ids(rest):
        found = await desk.named(word)
        await desk.nav.request("breakpoint.remove", BreakpointRequest(id=found.id))
        show(display.breakpoint_line(desk.number(found.id), found, "deleted"))


async def enable(desk: Desk, rest: str) -> None:
    """Switch them on."""
    for word in _ids(rest):
        body = BreakpointRequest(id=(await desk.named(word)).id)
        found = (await desk.nav.request("breakpoint.enable", body)).breakpoint
        show(display.breakpoint_line(desk.number(found.id), found))


async def disable(desk: Desk, rest: str) -> None:
    """Switch them off."""
    for word in _ids(rest):
        body = BreakpointRequest(id=(await desk.named(word)).id)
        found = (await desk.nav.request("breakpoint.disable", body)).breakpoint
        show(display.breakpoint_line(desk.number(found.id), found))


async def _set(desk: Desk, found: Condition) -> None:
    # Those that are there already have their numbers first.
    await desk.breakpoints()
    body = request_of(
        BreakpointCreateRequest, agent=desk.agent, condition=found, session=desk.session.id
    )
    made = (await desk.nav.request("breakpoint.create", body)).breakpoint
    show(display.breakpoint_line(desk.number(made.id), made))


def _ids(rest: str) -> list[str]:
    if not rest:
        raise UsageFault("it takes numbers of breakpoints: `info breakpoints` lists them")
    return rest.split()
