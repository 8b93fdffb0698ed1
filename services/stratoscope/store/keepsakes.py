"""What operators keep with a session: positions with a name, and values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from stratoscope.store.sessions import SessionPlace, session_place
from stratoscope.store.sql import queries

_SQL = queries("keepsakes")


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A position with a name."""

    name: str
    note: str | None
    stands: SessionPlace
    created_at: datetime


class Keepsakes:
    """What is kept with the sessions, by way of one database session.

    Changes are made by who has locked the session.
    """

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def put_mark(self, session_id: UUID, mark: MarkRow) -> int:
        """Keep a mark; one of its name is replaced. How many bytes more the session keeps."""
        more: int = await self._session.fetchval(
            _SQL["put_mark"],
            *(session_id, mark.name, mark.note, *mark.stands.columns, mark.created_at),
        )
        return more

    async def marks(self, session_id: UUID) -> list[MarkRow]:
        """All marks of a session, by name."""
        return [_mark(row) for row in await self._session.fetch(_SQL["marks"], session_id)]

    async def mark(self, session_id: UUID, name: str) -> MarkRow | None:
        """A mark by its name."""
        row = await self._session.fetchrow(_SQL["mark"], session_id, name)
        return _mark(row) if row else None

    async def forget_mark(self, session_id: UUID, name: str) -> bool:
        """Forget a mark; whether it was there."""
        return await self._session.fetchval(_SQL["forget_mark"], session_id, name) is not None

    async def has_room_for_mark(self, session_id: UUID, name: str, limit: int) -> bool:
        """Whether there would be no more than so many marks with this one."""
        found: bool = await self._session.fetchval(
            _SQL["has_room_for_mark"], session_id, name, limit
        )
        return found

    async def put_value(self, session_id: UUID, key: str, value: str) -> int:
        """Keep a value, as JSON text. How many bytes more the session keeps."""
        more: int = await self._session.fetchval(_SQL["put_value"], session_id, key, value)
        return more

    async def value(self, session_id: UUID, key: str) -> str | None:
        """A kept value as JSON text, None where there is none."""
        found: str | None = await self._session.fetchval(_SQL["value"], session_id, key)
        return found

    async def values(self, session_id: UUID) -> dict[str, str]:
        """All kept values as JSON text, by key."""
        rows = await self._session.fetch(_SQL["values"], session_id)
        return {row["key"]: row["value"] for row in rows}

    async def has_room_for_value(self, session_id: UUID, key: str, limit: int) -> bool:
        """Whether there would be no more than so many values with this one."""
        found: bool = await self._session.fetchval(
            _SQL["has_room_for_value"], session_id, key, limit
        )
        return found


def _mark(row: asyncpg.Record) -> MarkRow:
    name, note, *place, created_at = row
    return MarkRow(name, note, session_place(*place), created_at)
