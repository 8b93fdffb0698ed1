"""Commands that look, and leave the session where it is."""

from typing import Final, Literal
from uuid import UUID

from stratoscope.cli import diffs, fields, reasons, rendering
from stratoscope.cli.asking import as_one, request_of
from stratoscope.cli.causes import event_id
from stratoscope.cli.debug import display
from stratoscope.cli.debug.commands import count, words
from stratoscope.cli.debug.desk import Desk, Trail
from stratoscope.cli.faults import Fault, UsageFault
from stratoscope.cli.moments import EventPlace, event_named, moment
from stratoscope.cli.screen import show, stdout
from stratoscope_contracts.causes import CausalityGraphRequest
from stratoscope_contracts.comparing import CompareRequest
from stratoscope_contracts.looking import (
    EventsListRequest,
    StateHistoryRequest,
    StateLastWriteRequest,
)
from stratoscope_contracts.views import AtEventIndex

_AROUND: Final = 5
_MOST_AROUND: Final = 500
_CHANGES: Final = 1000


async def print_(desk: Desk, rest: str) -> None:
    """What stands at a path."""
    reply = await desk.state(rest)
    show(display.value(reply, rest) if rest else rendering.state(reply, ""))


async def state(desk: Desk, rest: str) -> None:
    """The whole state."""
    words(rest, 0, 0, "nothing: `print PATH` shows a part")
    show(rendering.state(await desk.state(), ""))


async def last(desk: Desk, rest: str) -> None:
    """Who wrote a field last; once more, who did before that."""
    trail = Trail(rest, desk.place.at) if rest else desk.trail
    if trail is None:
        raise UsageFault("last takes a path, as in position.x or inventory[1]")
    if trail.before is None:
        raise Fault(f"nobody wrote {trail.path} before that")
    body = request_of(StateLastWriteRequest, agent=desk.agent, path=trail.path, before=trail.before)
    reply = await desk.nav.request("state.last_write", body)
    show(fields.writes([reply], trail.path))
    before = reply.previous
    at = None if before is None else AtEventIndex(event_index=before.event_index)
    desk.trail = Trail(trail.path, at)


async def history(desk: Desk, rest: str) -> None:
    """How a field came to be what it is."""
    if not rest:
        raise UsageFault("history takes a path, as in position.x or inventory[1]")
    body = request_of(StateHistoryRequest, agent=desk.agent, path=rest, to=desk.place.at)
    pages = desk.nav.pages("state.history", body, at_most=_CHANGES)
    show(fields.changes(await as_one(pages, "changes"), rest))


async def diff(desk: Desk, rest: str) -> None:
    """What changed: here, from a moment to here, or between two."""
    named = words(rest, 0, 2, "no moment, one or two")
    if not named and desk.place.index < 0:
        raise Fault("nothing has happened yet: this is before the first event")
    before = AtEventIndex(event_index=desk.place.index - 1)
    body = CompareRequest(
        agent=desk.agent,
        from_=await desk.at(named[0]) if named else before,
        to=await desk.at(named[1]) if len(named) > 1 else desk.place.at,
    )
    reply = await desk.nav.request("compare", body)
    if len(named) < 2:
        # What it resolves to may be the last place that had this state.
        reply = reply.model_copy(update={"to": desk.place.position})
    show(diffs.comparison(reply, stdout().width))


async def why(desk: Desk, rest: str) -> None:
    """What led to an event."""
    await _graph(desk, rest, "causes")


async def effects(desk: Desk, rest: str) -> None:
    """What an event led to."""
    await _graph(desk, rest, "effects")


async def events(desk: Desk, rest: str) -> None:
    """What happened around here."""
    size = min(count(rest, _AROUND), _MOST_AROUND)
    here = AtEventIndex(event_index=desk.place.index)
    before = EventsListRequest(agent=desk.agent, to=here, direction="backward", limit=size + 1)
    after = EventsListRequest(agent=desk.agent, from_=here, limit=size)
    earlier = (await desk.nav.request("events.list", before)).events
    later = (await desk.nav.request("events.list", after)).events
    show(display.around([*reversed(earlier), *later], desk.place.index))


async def _graph(desk: Desk, rest: str, direction: Literal["causes", "effects"]) -> None:
    asked = await _event(desk, rest)
    body = CausalityGraphRequest(event_id=asked, direction=direction)
    show(reasons.graph(await desk.nav.request("causality.graph", body), asked))


async def _event(desk: Desk, rest: str) -> UUID:
    """The event that is named, by a moment of this agent too; the one here by nothing."""
    if not rest:
        if desk.place.event is None:
            raise Fault("there is no event here: this is before the first one")
        return desk.place.event.id
    try:
        named = event_named(rest)
    except UsageFault:
        named = EventPlace(desk.agent, moment(rest))
    return await event_id(desk.nav, named)
