"""Timelines as they are asked for: heads, seeks and events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from stratoscope.domain.seek import Extent, Horizon, UpTo
from stratoscope.store.sql import queries
from stratoscope_contracts.looking import Direction

_SQL = queries("looking")
# A page ends early rather than be larger than a message by far; one event it always has.
PAGE_BYTES: Final = 6 << 20


@dataclass(frozen=True, slots=True)
class Timeline:
    """The head of an agent's timeline; whatever comes later is not looked at."""

    agent_id: int
    agent: str
    events: int
    versions: int
    snapshots: int
    first_at: datetime
    last_at: datetime
    first_position: int = -1
    first_version: int = 0
    first_shown: int = 0
    horizon_seq: int | None = None
    horizon_clock: datetime | None = None
    horizon_recorded_at: datetime | None = None
    indexed_from: int = 0
    duplicates: int = 0
    """How many records were sent again and left out."""

    @property
    def extent(self) -> Extent:
        """Its length, and what of it is kept."""
        kept = (self.first_position, self.first_version, self.first_shown)
        return Extent(self.events, self.versions, *kept, self.horizon)

    @property
    def horizon(self) -> Horizon | None:
        """Where it begins since retention dropped its beginning."""
        seq, clock, recorded_at = self.horizon_seq, self.horizon_clock, self.horizon_recorded_at
        if seq is None or clock is None or recorded_at is None:
            return None
        return Horizon(self.first_position, seq, clock, recorded_at)

    @property
    def kept_events(self) -> int:
        """How many of its events are kept."""
        return self.events - max(self.first_position, 0)


class EventRow(NamedTuple):
    """An event as it is stored; JSON is text, `occurred_at` is None where it is the clock."""

    event_index: int
    stream_seq: int
    ordinal: int
    clock: datetime
    recorded_at: datetime
    occurred_at: datetime | None
    id: UUID
    type: str
    agent: str
    depth: int | None
    data: str
    metadata: str | None
    causes: Sequence[UUID] | None
    patch: str | None
    gap: str | None = None


class EventPage(NamedTuple):
    """Where the events of a page stand, and how many bytes their documents have."""

    places: list[tuple[int, int]]
    size: int
    has_more: bool


def without_documents(event: EventRow) -> EventRow:
    """The same event without what was recorded in it: for where it would be told too often."""
    return event._replace(data="{}", metadata=None, patch=None)


class TracedRow(NamedTuple):
    """An event as a walk along causes reads it whole: with its agent's number.

    Of a large one without its documents: `data` is None.
    """

    agent_id: int
    event_index: int
    stream_seq: int
    ordinal: int
    clock: datetime
    recorded_at: datetime
    occurred_at: datetime | None
    id: UUID
    type: str
    agent: str
    depth: int | None
    data: str | None
    metadata: str | None
    causes: Sequence[UUID] | None
    patch: str | None
    gap: str | None = None


def documents_size(event: EventRow | TracedRow) -> int:
    """About how many bytes an event's documents have."""
    return len(event.data or "") + len(event.metadata or "") + len(event.patch or "")


@dataclass(frozen=True, slots=True)
class SpaceCounts:
    """What a space holds."""

    agents: int
    events: int
    snapshots: int
    diffs: int
    memory_usage: int
    stored_bytes: int
    raw_bytes: int


class Timelines:
    """What is known of the timelines, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def find(self, space: str, agent: str) -> Timeline | None:
        """An agent's timeline; None where nothing of it was recorded."""
        row = await self._session.fetchrow(_SQL["timeline"], space, agent)
        return Timeline(*row) if row else None

    async def page(
        self, space: str, prefix: str | None, after: str | None, limit: int
    ) -> list[Timeline]:
        """Timelines by the names of their agents, behind the one named `after`."""
        rows = await self._session.fetch(_SQL["agents"], space, prefix, after, limit)
        return [Timeline(*row) for row in rows]

    async def seek(self, timeline: Timeline, up_to: UpTo) -> tuple[int, int]:
        """The last event and the last state version within a bound."""
        place = up_to.place or (None, None)
        bounds = (up_to.clock, up_to.recorded_at, *place, up_to.event_index)
        event = await self._session.fetchval(
            _SQL["seek_event"], timeline.agent_id, timeline.events, *bounds
        )
        version = await self._session.fetchval(
            _SQL["seek_version"], timeline.agent_id, timeline.versions, *bounds
        )
        return event, version

    async def index_of(self, timeline: Timeline, event_id: UUID) -> int | None:
        """Where an event stands in its agent's timeline."""
        index: int | None = await self._session.fetchval(
            _SQL["index_of_event"], timeline.agent_id, event_id
        )
        return index

    async def find_event(
        self, space: str, event_id: UUID, agent: str | None = None
    ) -> EventRow | None:
        """An event by its id; of several in a space the one with the lowest place."""
        row = await self._session.fetchrow(_SQL["place_of_event"], space, event_id, agent)
        return (await self.events([tuple(row)]))[0] if row else None

    async def has_dropped(self, space: str) -> bool:
        """Whether retention has dropped anything of a space."""
        dropped: bool = await self._session.fetchval(_SQL["has_dropped"], space)
        return dropped

    async def events(self, places: Sequence[tuple[int, int]]) -> list[EventRow]:
        """Events by their agents and indexes, in that order."""
        agents = [agent_id for agent_id, _ in places]
        indexes = [event_index for _, event_index in places]
        rows = await self._session.fetch(_SQL["events"], agents, indexes)
        return [EventRow._make(row) for row in rows]

    async def size_of(self, places: Sequence[tuple[int, int]]) -> int:
        """How many bytes the events at these places have, before they are read."""
        agents = [agent_id for agent_id, _ in places]
        indexes = [event_index for _, event_index in places]
        size: int = await self._session.fetchval(_SQL["events_size"], agents, indexes)
        return size

    async def page_between(
        self,
        timeline: Timeline,
        after: int,
        last: int,
        types: Sequence[str] | None,
        direction: Direction,
        limit: int,
        page_bytes: int = PAGE_BYTES,
    ) -> EventPage:
        """Find at most `limit` events after one index, up to and with another.

        Fewer where their documents have more than `page_bytes`, but one at least. None is read.
        """
        scope = (timeline.agent_id, after, last, limit + 1)
        if types is None:
            rows = await self._session.fetch(_SQL[f"events_{direction}"], *scope)
        else:
            rows = await self._session.fetch(_SQL[f"events_of_types_{direction}"], *scope, types)
        sizes = [row["size"] for row in rows[:limit]]
        count = _fitting(sizes, page_bytes)
        places = [(timeline.agent_id, row["event_index"]) for row in rows[:count]]
        return EventPage(places, sum(sizes[:count]), len(rows) > count)

    async def first_open_depth(self, space: str, agent: str | None, upto: int) -> int | None:
        """The first message up to one whose events wait for their depth; of an agent, or of any."""
        seq: int | None = await self._session.fetchval(_SQL["open_depth"], space, agent, upto)
        return seq

    async def counts(self, space: str) -> SpaceCounts:
        """The sums over a space."""
        return SpaceCounts(*await self._session.fetchrow(_SQL["stats"], space))

    async def dead_letters(self, space: str) -> int:
        """How many messages of a space were refused."""
        count: int = await self._session.fetchval(_SQL["dead_letters"], space)
        return count


def _fitting(sizes: Sequence[int], most: int) -> int:
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > most and count:
            return count
    return len(sizes)
