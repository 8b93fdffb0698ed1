"""Timelines on their way out, page by page, and imports on their way in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from stratoscope.domain.delta import Frame, chain
from stratoscope.domain.timeline import Place
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope.store.sql import queries
from stratoscope.store.timelines import Timeline

_SQL = queries("exchange")
_PAGE: Final = 200
_PAGE_BYTES: Final = 4 << 20
_SNAPSHOTS: Final = 32


@dataclass(frozen=True, slots=True)
class EventOut:
    """An event as it is stored; JSON is text."""

    event_index: int
    stream_seq: int
    ordinal: int
    recorded_at: datetime
    occurred_at: datetime
    id: UUID
    type: str
    data: str
    metadata: str | None
    causes: Sequence[UUID] | None
    patch: str | None
    traceparent: str | None
    gap: str | None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.stream_seq, self.ordinal)


@dataclass(frozen=True, slots=True)
class VersionOut:
    """A state version without its state; without an id it came from a patch."""

    version: int
    event_index: int
    stream_seq: int
    ordinal: int
    recorded_at: datetime
    occurred_at: datetime
    slot: int
    size: int
    id: UUID | None
    memory_usage: int | None
    metadata: str | None
    label: str | None
    traceparent: str | None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.stream_seq, self.ordinal)


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import that has begun: into which agent, from where."""

    id: UUID
    space: str
    agent: str
    source_agent: str
    object: str
    digest: str
    started_at: datetime


class Outgoing:
    """A timeline as it is at one moment, by way of a session in a repeatable-read transaction."""

    def __init__(self, session: asyncpg.Connection, timeline: Timeline) -> None:
        self._session = session
        self._timeline = timeline

    async def events(self, after: int) -> list[EventOut]:
        """A page of events behind an index."""
        rows = await self._session.fetch(
            _SQL["events"], self._timeline.agent_id, after, _PAGE, _PAGE_BYTES
        )
        return [EventOut(*row) for row in rows]

    async def snapshots(self, after_version: int) -> list[VersionOut]:
        """A page of snapshots behind a version, their states not too large together."""
        rows = await self._session.fetch(
            _SQL["snapshots"],
            self._timeline.agent_id,
            after_version,
            self._timeline.versions,
            _SNAPSHOTS,
        )
        found = [VersionOut(*row) for row in rows]
        size, count = 0, 0
        for count, one in enumerate(found, 1):  # noqa: B007 - counted up to the cut
            size += one.size
            if size > _PAGE_BYTES:
                break
        return found[:count]

    async def version(self, version: int) -> VersionOut:
        """One version."""
        row = await self._session.fetchrow(_SQL["version"], self._timeline.agent_id, version)
        return VersionOut(*row)

    async def place_of(self, event_index: int) -> Place:
        """Where an event stands."""
        row = await self._session.fetchrow(
            _SQL["place_of_event"], self._timeline.agent_id, event_index
        )
        return Place(*row)

    async def frames(self, versions: Sequence[VersionOut]) -> dict[int, Frame]:
        """What rebuilds the states of these versions, their ancestors included."""
        needed = {one.version - one.slot + slot for one in versions for slot in chain(one.slot)}
        rows = await self._session.fetch(_SQL["frames"], self._timeline.agent_id, [*needed])
        return {row["version"]: Frame(*tuple(row)[1:]) for row in rows}


async def breakpoints_of(
    session: asyncpg.Connection, space: str, agent: str, session_id: UUID
) -> list[BreakpointRow]:
    """What is watched for a session and its agent, in the order of creation."""
    rows = await session.fetch(_SQL["breakpoints"], space, agent, session_id)
    return [BreakpointRow(**row) for row in rows]


class Imports:
    """Imports, by way of one database session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def count(self, space: str, source_agent: str) -> int:
        """How many imports of an agent have begun."""
        found: int = await self._session.fetchval(_SQL["count"], space, source_agent)
        return found

    async def is_taken(self, space: str, agent: str) -> bool:
        """Whether an agent of this name is there, or was to be."""
        found: bool = await self._session.fetchval(_SQL["is_taken"], space, agent)
        return found

    async def begin(self, row: ImportRow) -> bool:
        """Reserve an agent's name; False where another import has it."""
        columns: tuple[Any, ...] = (row.id, row.space, row.agent, row.source_agent, row.object)
        begun = await self._session.fetchval(_SQL["begin"], *columns, row.digest, row.started_at)
        return begun is not None

    async def is_refused(self, space: str, agent: str) -> bool:
        """Whether anything of an agent became a dead letter."""
        found: bool = await self._session.fetchval(_SQL["is_refused"], space, agent)
        return found

    async def complete(self, import_id: UUID, last_seq: int | None, now: datetime) -> None:
        """From now on the agent is listed."""
        await self._session.execute(_SQL["complete"], import_id, last_seq, now)
