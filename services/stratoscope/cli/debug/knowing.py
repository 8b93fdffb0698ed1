"""What can be named at a desk: asked of the navigator when it is needed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stratoscope.cli.debug.commands import Takes
from stratoscope.cli.debug.completion import Known, paths_in
from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.debug.places import Place
from stratoscope_contracts.looking import AgentsListRequest, EventsListRequest
from stratoscope_contracts.views import AtEventIndex
from stratoscope_contracts.words import MAX_LIMIT, KnownType


@dataclass(slots=True)
class Knowing:
    """What was asked already, for as long as it is true."""

    desk: Desk
    place: Place | None = None
    paths: Sequence[str] = ()
    types: Sequence[str] = field(default_factory=list)

    async def known(self, takes: Takes) -> Known:
        """What a command of a kind may need."""
        match takes:
            case Takes.PATH:
                return Known(paths=await self._paths())
            case Takes.CONDITION:
                return Known(paths=await self._paths(), types=await self._types())
            case Takes.MOMENT | Takes.MARK:
                return Known(marks=[one.name for one in await self.desk.marks()])
            case Takes.EVENT:
                return Known(agents=await self._agents())
            case Takes.BREAKPOINT:
                found = await self.desk.breakpoints()
                return Known(breakpoints=[str(number) for number, _ in found])
            case Takes.SIZE | Takes.COMMAND | Takes.TOPIC | Takes.NOTHING:
                return Known()

    async def _paths(self) -> Sequence[str]:
        if self.place is not self.desk.place:
            self.paths = paths_in((await self.desk.state()).state)
            self.place = self.desk.place
        return self.paths

    async def _types(self) -> Sequence[str]:
        if not self.types:
            here = AtEventIndex(event_index=max(0, self.desk.place.index))
            body = EventsListRequest(
                agent=self.desk.agent, to=here, direction="backward", limit=MAX_LIMIT
            )
            recent = (await self.desk.nav.request("events.list", body)).events
            self.types = [*dict.fromkeys([*(one.type for one in recent), *KnownType])]
        return self.types

    async def _agents(self) -> Sequence[str]:
        body = AgentsListRequest(limit=MAX_LIMIT)
        return [one.agent for one in (await self.desk.nav.request("agents.list", body)).agents]
