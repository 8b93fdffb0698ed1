"""The graph of causes: what an event led to, and the steps of walks through it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from stratoscope.domain.causality.nodes import Place
from stratoscope.domain.causality.past import Stretch
from stratoscope.store.causes import Neighbourhood, Read, neighbourhood
from stratoscope.store.sql import queries

_SQL = queries("graphs")
# So many causes that were open when their effect came are looked at, the oldest first.
_OPEN_CAUSES = 1_000


@dataclass(frozen=True, slots=True)
class Placed:
    """An event by its agent and index, and its place in the log."""

    agent_id: int
    event_index: int
    place: Place


class Graphs:
    """Walks along causes, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def find(self, space: str, event_id: UUID) -> Placed | None:
        """Where an event stands; None where it is not there."""
        row = await self._session.fetchrow(_SQL["placed"], space, event_id)
        return None if row is None else _placed(row)

    async def effects(self, space: str, event_id: UUID, limit: int) -> Neighbourhood:
        """An event and what it led to, the nearest `limit`."""
        rows = await self._session.fetch(_SQL["effects_within"], space, event_id, limit)
        return neighbourhood([Read(*row) for row in rows])

    async def effects_page(
        self, space: str, cause: UUID, behind: Place, limit: int
    ) -> list[Placed]:
        """The events that name a cause, behind a place, in the log's order."""
        rows = await self._session.fetch(_SQL["effects_page"], space, cause, *behind, limit)
        return [_placed(row) for row in rows]

    async def missing(self, space: str, ids: Collection[str]) -> list[str]:
        """Those ids that are no event of the space, in their order."""
        if not ids:
            return []
        rows = await self._session.fetch(_SQL["recorded"], space, [UUID(id) for id in ids])
        recorded = {str(row["id"]) for row in rows}
        return [id for id in ids if id not in recorded]

    async def oldest_led_back(self, space: str) -> Place | None:
        """The first place that a late cause may lead back to; None where there is no such cause."""
        row = await self._session.fetchrow(_SQL["oldest_led_back"], space, _OPEN_CAUSES)
        return None if row is None else (row["stream_seq"], row["ordinal"])

    async def newest_of(self, stretch: Stretch, limit: int) -> Placed | None:
        """The first of the newest `limit` events of a stretch; None where none is kept."""
        row = await self._session.fetchrow(
            _SQL["stretch_start"], stretch.agent_id, stretch.after, stretch.upto, limit
        )
        return None if row is None else _placed(row)

    async def foreign_causes(
        self, space: str, stretch: Stretch, since: Place
    ) -> Sequence[tuple[int, int]]:
        """The last cause of a stretch in each other agent, from a place on."""
        rows = await self._session.fetch(
            _SQL["foreign_causes"],
            space,
            stretch.agent_id,
            stretch.after,
            stretch.upto,
            *since,
        )
        return [(row["agent_id"], row["event_index"]) for row in rows]


def _placed(row: asyncpg.Record) -> Placed:
    return Placed(row["agent_id"], row["event_index"], (row["stream_seq"], row["ordinal"]))
