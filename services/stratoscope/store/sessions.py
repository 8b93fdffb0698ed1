"""Sessions, kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from stratoscope.domain.timeline import Place
from stratoscope.store.sql import queries
from stratoscope_contracts.sessions import SessionState

_SQL = queries("sessions")


@dataclass(frozen=True, slots=True)
class SessionPlace:
    """Where a session stands: after an event and a record, at a time of its own."""

    event_index: int
    place: Place | None
    clock: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it is stored; `config` is JSON text."""

    id: UUID
    agent: str
    state: SessionState
    version: int
    name: str | None
    description: str | None
    tags: Sequence[str]
    config: str
    stands: SessionPlace
    created_at: datetime
    updated_at: datetime


class Sessions:
    """The sessions, by way of one database session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def create(self, space: str, row: SessionRow) -> None:
        """Keep a new session."""
        place = row.stands.place or (None, None)
        await self._session.execute(
            _SQL["create"],
            row.id,
            space,
            row.agent,
            row.state,
            row.name,
            row.description,
            row.tags,
            row.config,
            row.stands.event_index,
            *place,
            row.stands.clock,
            row.created_at,
        )

    async def find(self, space: str, session_id: UUID) -> SessionRow | None:
        """A session of a space."""
        return _row(await self._session.fetchrow(_SQL["get"], space, session_id))

    async def lock(self, space: str, session_id: UUID) -> SessionRow | None:
        """A session that nobody else changes until the transaction ends."""
        return _row(await self._session.fetchrow(_SQL["lock"], space, session_id))

    async def enter(self, session_id: UUID, state: SessionState, now: datetime) -> None:
        """Put a locked session into a state."""
        await self._session.execute(_SQL["enter"], session_id, state, now)

    async def move(
        self, session_id: UUID, stands: SessionPlace, now: datetime, agent_id: int
    ) -> tuple[int, int]:
        """Put a locked session elsewhere in a timeline; what that keeps until the transaction ends.

        The first position and the first version: retention may just have passed the new place.
        """
        place = stands.place or (None, None)
        row = await self._session.fetchrow(
            _SQL["move"], session_id, stands.event_index, *place, stands.clock, now, agent_id
        )
        return row["first_position"], row["first_version"]

    async def count(self, space: str, now: datetime) -> tuple[int, int]:
        """How many sessions a space has, and how many of them are under way."""
        row = await self._session.fetchrow(_SQL["count"], space, now)
        return row["total"], row["active"]


def _row(row: asyncpg.Record | None) -> SessionRow | None:
    if row is None:
        return None
    place = None if row["stream_seq"] is None else Place(row["stream_seq"], row["ordinal"])
    return SessionRow(
        id=row["id"],
        agent=row["agent"],
        state=row["state"],
        version=row["version"],
        name=row["name"],
        description=row["description"],
        tags=row["tags"],
        config=row["config"],
        stands=SessionPlace(row["event_index"], place, row["clock"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
