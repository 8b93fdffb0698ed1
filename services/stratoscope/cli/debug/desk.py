"""What the commands work at: a session, where it stands, and what can be named there."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from stratoscope.cli.debug.interrupts import Interrupts
from stratoscope.cli.debug.places import Place
from stratoscope.cli.faults import Fault, UsageFault
from stratoscope.cli.moments import moment
from stratoscope.client import Navigator
from stratoscope_contracts.breakpoints import Breakpoint, BreakpointListRequest
from stratoscope_contracts.comparing import CompareReply, CompareRequest
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.looking import EventsListRequest, StateAtReply, StateAtRequest
from stratoscope_contracts.sessions import Mark, Session, SessionRequest
from stratoscope_contracts.views import At, AtEventIndex, AtSnapshot, Event, Position


@dataclass(slots=True)
class Trail:
    """How far back the writes of a path were followed; `before` is None at the first of them."""

    path: str
    before: At | None


@dataclass(slots=True)
class Desk:
    """One session at a prompt."""

    nav: Navigator
    session: Session
    place: Place
    interrupts: Interrupts
    trail: Trail | None = None
    numbers: dict[UUID, int] = field(default_factory=dict)

    @property
    def agent(self) -> str:
        """Whose recording this is."""
        return self.session.agent

    @property
    def own(self) -> SessionRequest:
        """The request that names this session alone."""
        return SessionRequest(id=self.session.id)

    async def arrive(self, position: Position) -> CompareReply:
        """Stand at a place; what changed on the way to it."""
        before, self.trail = self.place, None
        self.place, changed = await surveyed(self.nav, before, position)
        return changed

    async def refresh(self) -> None:
        """Stand where the session does; another operator may have moved it."""
        place = (await self.nav.request("session.position", self.own)).position
        if place != self.place.position:
            await self.arrive(place)

    async def state(self, path: str = "") -> StateAtReply:
        """What stands at a path here."""
        body = StateAtRequest(agent=self.agent, at=self.place.at, path=path)
        reply = await self.nav.request("state.at", body)
        exact = self.place.position.state_event_index == self.place.index
        return reply.model_copy(update={"position": self.place.position, "exact": exact})

    async def marks(self) -> Sequence[Mark]:
        """The session's marks."""
        return (await self.nav.request("session.marks", self.own)).marks

    async def mark(self, name: str) -> Mark | None:
        """The mark of a name, if there is one."""
        return next((one for one in await self.marks() if one.name == name), None)

    async def at(self, word: str) -> At:
        """A moment, a mark, or `.` for here. Raises UsageFault."""
        if word == ".":
            return self.place.at
        try:
            return moment(word)
        except UsageFault:
            found = await self.mark(word.removeprefix("mark:"))
            if found is None:
                raise
            return (await surveyed(self.nav, self.place, found.position))[0].at

    async def breakpoints(self) -> list[tuple[int, Breakpoint]]:
        """Those that stop a run of this session, with the numbers that they go by here."""
        found: dict[UUID, Breakpoint] = {}
        wanted = (
            BreakpointListRequest(session=self.session.id),
            BreakpointListRequest(agent=self.agent),
            BreakpointListRequest(agent="*"),
        )
        for body in wanted:
            async for page in self.nav.pages("breakpoint.list", body):
                found |= {one.id: one for one in page.breakpoints if self._counts(one)}
        ordered = sorted(found.values(), key=lambda one: one.created_at)
        return sorted((self.number(one.id), one) for one in ordered)

    def number(self, breakpoint_id: UUID) -> int:
        """What a breakpoint is called here."""
        return self.numbers.setdefault(breakpoint_id, len(self.numbers) + 1)

    async def named(self, word: str) -> Breakpoint:
        """The breakpoint of a number, or of an id. Raises Fault."""
        for number, one in await self.breakpoints():
            if word in (str(number), str(one.id)):
                return one
        raise Fault(f"there is no breakpoint {word}: `info breakpoints` lists them")

    def _counts(self, one: Breakpoint) -> bool:
        return one.session in (None, self.session.id)


async def surveyed(
    nav: Navigator, before: Place | None, position: Position
) -> tuple[Place, CompareReply]:
    """The place of a position, and what differs there from the place before."""
    event = await _event(nav, position)
    at = _at(position, event)
    start = at if before is None else before.at
    changed = await _compared(nav, start, at, position.agent)
    if _record(changed.to) != _record(position):
        # Right after an event that a snapshot follows: an index would stand after both. The state
        # here is still the one that was set last, unless retention has dropped where that was.
        set_at = AtEventIndex(event_index=min(position.state_event_index, position.event_index))
        with suppress(NavigationOutOfBounds):
            changed = await _compared(nav, start, set_at, position.agent)
            at = set_at
    came_from = position if before is None else before.position
    changed = changed.model_copy(update={"from_": came_from, "to": position})
    return Place(position, at, event), changed


async def _compared(nav: Navigator, before: At, after: At, agent: str) -> CompareReply:
    return await nav.request("compare", CompareRequest(agent=agent, from_=before, to=after))


async def _event(nav: Navigator, position: Position) -> Event | None:
    if position.event_index < 0:
        return None
    to = AtEventIndex(event_index=position.event_index)
    body = EventsListRequest(agent=position.agent, to=to, direction="backward", limit=1)
    found = (await nav.request("events.list", body)).events
    # Retention may have dropped the event that the first position stands after.
    return found[0] if found and found[0].event_index == position.event_index else None


def _at(position: Position, event: Event | None) -> At:
    """How a request names this place."""
    is_event = event is not None and (event.stream_seq, event.ordinal) == _record(position)
    if position.snapshot_id is not None and not is_event and _set_here(position):
        # Two snapshots may follow one event, and an index stands after both.
        return AtSnapshot(snapshot_id=position.snapshot_id)
    return AtEventIndex(event_index=position.event_index)


def _set_here(position: Position) -> bool:
    return position.state_event_index == position.event_index


def _record(position: Position) -> tuple[int | None, int | None]:
    return position.stream_seq, position.ordinal
