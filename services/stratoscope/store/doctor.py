"""Looking at a database that may not be well, without changing anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from stratoscope.store.database import OPERATIONS
from stratoscope.store.leases import Held
from stratoscope.store.sql import migrations, queries

_SQL = queries("doctor")


@dataclass(frozen=True, slots=True)
class Missing:
    """Migrations of a schema that are not applied, and those that this version does not know."""

    schema: str
    missing: tuple[str, ...]
    unknown: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """The projection that answers."""

    schema: str
    rule_version: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A partition: how far it is projected, and whether nobody holds it."""

    partition: int
    stream_seq: int
    free: bool


class Patient:
    """A database, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def server(self) -> Mapping[str, Any]:
        """Version, settings and permissions."""
        return dict(await self._session.fetchrow(_SQL["server"]))

    async def privileged(self) -> list[tuple[str, str]]:
        """Services that are connected by a role with more rights than they need, and the role."""
        return [tuple(row) for row in await self._session.fetch(_SQL["privileged"])]

    async def clock(self) -> datetime:
        """Its time."""
        at: datetime = await self._session.fetchval(_SQL["clock"])
        return at

    async def folder(self) -> str | None:
        """Where its data lies, if this role may know."""
        found: str | None = await self._session.fetchval(_SQL["folder"])
        return found

    async def size(self) -> int:
        """Its bytes."""
        found: int = await self._session.fetchval(_SQL["size"])
        return found

    async def served(self) -> Served | None:
        """The projection that answers; None where nothing was ever migrated."""
        if not await self._is_there(f"{OPERATIONS}.projection"):
            return None
        row = await self._session.fetchrow(_SQL["served"])
        return Served(*row) if row else None

    async def migrated(self, schema: str, room: str) -> Missing:
        """How the migrations of a schema stand."""
        wanted = {number: name for number, name, _ in migrations(room)}
        done: set[int] = set()
        if await self._is_there(f"{schema}.migration"):
            rows = await self._session.fetch(f"select number from {schema}.migration")
            done = {row["number"] for row in rows}
        missing = (f"{number:04} {name}" for number, name in wanted.items() if number not in done)
        return Missing(schema, tuple(missing), tuple(sorted(done - wanted.keys())))

    async def look_at(self, schema: str) -> None:
        """See a projection from here on."""
        await self._session.execute(f"set search_path to {schema}, {OPERATIONS}")

    async def leases(self) -> list[Lease]:
        """The partitions of the projection that is looked at."""
        return [Lease(*row) for row in await self._session.fetch(_SQL["partitions"])]

    async def checkpoints(self) -> list[Held]:
        """The same with what is remembered of the log."""
        return [Held(*row) for row in await self._session.fetch(_SQL["checkpoints"])]

    async def projectors(self) -> int:
        """How many live."""
        count: int = await self._session.fetchval(_SQL["projectors"])
        return count

    async def unwatched(self) -> int:
        """How many partitions no navigator watches for breakpoints."""
        count: int = await self._session.fetchval(_SQL["unwatched"])
        return count

    async def log_created_at(self, stream: str) -> datetime | None:
        """Which stream the projection was made from."""
        found: datetime | None = await self._session.fetchval(_SQL["log"], stream)
        return found

    async def dead_letters(self) -> tuple[int, int]:
        """Those of the last day, and those that wait to be published."""
        row = await self._session.fetchrow(_SQL["dead_letters"])
        return row["lately"], row["unpublished"]

    async def _is_there(self, table: str) -> bool:
        found: bool = await self._session.fetchval(_SQL["is_there"], table)
        return found
