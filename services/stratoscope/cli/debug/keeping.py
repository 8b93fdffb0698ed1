"""Commands about the session itself and its marks."""

from stratoscope.cli.asking import request_of
from stratoscope.cli.debug import display
from stratoscope.cli.debug.commands import words
from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.screen import show
from stratoscope_contracts.sessions import SessionMarkRequest, SessionUnmarkRequest


async def mark(desk: Desk, rest: str) -> None:
    """Name this place."""
    name, _, note = rest.partition(" ")
    if not name:
        raise UsageFault("mark takes a name, and perhaps a note")
    body = request_of(SessionMarkRequest, id=desk.session.id, name=name, note=note.strip() or None)
    show(display.mark((await desk.nav.request("session.mark", body)).mark))


async def unmark(desk: Desk, rest: str) -> None:
    """Forget a name."""
    (name,) = words(rest, 1, 1, "the name of a mark")
    body = request_of(SessionUnmarkRequest, id=desk.session.id, name=name)
    await desk.nav.request("session.unmark", body)


async def marks(desk: Desk, rest: str) -> None:
    """All of them."""
    words(rest, 0, 0, "nothing: `goto NAME` goes to one")
    show(display.marks(await desk.marks()))


async def info(desk: Desk, rest: str) -> None:
    """The session, or its breakpoints alone."""
    if rest and not "breakpoints".startswith(rest):
        raise UsageFault(f"there is no info on {rest!r}: it is `info`, or `info breakpoints`")
    if not rest:
        await desk.refresh()
        desk.session = (await desk.nav.request("session.get", desk.own)).session
        show(display.session(desk.session, desk.place))
    show(display.breakpoints(await desk.breakpoints()))
