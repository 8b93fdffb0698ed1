"""The field index as it is asked: which versions may have changed a field, and what they hold."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from stratoscope.domain import delta
from stratoscope.domain.delta import Slotted
from stratoscope.domain.fields import in_index, parents
from stratoscope.domain.paths import Segments, format
from stratoscope.domain.timeline import BEFORE_FIRST
from stratoscope.store.sql import queries
from stratoscope_contracts.looking import Direction

_SQL = queries("fields")


class VersionRow(NamedTuple):
    """A version and the size of its state, in bytes."""

    at: Slotted
    size: int


class Written(NamedTuple):
    """The position right after a version."""

    event_index: int
    event_id: UUID | None
    stream_seq: int
    ordinal: int
    occurred_at: datetime
    recorded_at: datetime
    snapshot_id: UUID | None


class Candidate(NamedTuple):
    """A version that may have changed a field; of the one before it what is known, if it is there.

    `size` is that of its state, in bytes.
    """

    at: Slotted
    size: int
    before: Slotted | None
    event_index_before: int
    written: Written


@dataclass(frozen=True, slots=True)
class Sought:
    """A field of an agent, whose index begins with a version."""

    agent_id: int
    field: Segments
    indexed_from: int


class Fields:
    """What is known of fields, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def candidates(
        self, sought: Sought, after: int, last: int, direction: Direction, limit: int
    ) -> list[Candidate]:
        """Versions after one, up to and with another, that may have changed the field.

        At most `limit` of them, in the direction asked for, with none left out before the last.
        """
        # The root is changed by every version.
        path = in_index(sought.field)
        unknown = sought.indexed_from - 1 if path else last
        rows = await self._session.fetch(
            _SQL[f"candidates_{direction}"],
            sought.agent_id,
            format(path),
            parents(path),
            after,
            last,
            unknown,
            limit,
        )
        return [_candidate(row) for row in rows]

    async def versions(self, agent_id: int, versions: Iterable[int]) -> dict[int, VersionRow]:
        """What it takes to rebuild versions; those that are gone are left out."""
        rows = await self._session.fetch(_SQL["versions"], agent_id, sorted(set(versions)))
        return {
            row["version"]: VersionRow(Slotted(row["version"], row["slot"]), row["size"])
            for row in rows
        }

    async def written(self, agent_id: int, version: int) -> Written:
        """Where a version stands, as positions are told."""
        return Written(*await self._session.fetchrow(_SQL["written"], agent_id, version))

    async def frames(self, agent_id: int, versions: Iterable[Slotted]) -> dict[int, delta.Frame]:
        """All blobs that rebuild some versions; neighbours share most of theirs."""
        wanted = {version for one in versions for version in one.chain}
        found = await self._session.fetch(_SQL["blobs"], agent_id, list(wanted))
        if len(found) != len(wanted):
            raise delta.DamagedChain(
                f"agent {agent_id} needs {len(wanted)} blobs, {len(found)} are there"
            )
        return {row[0]: delta.Frame._make(row[1:]) for row in found}


def _candidate(row: asyncpg.Record) -> Candidate:
    version, slot, size, event_index_before, slot_before, *written = row
    if slot is None:
        raise delta.DamagedChain(f"version {version} is in the field index and not there")
    before = None if slot_before is None else Slotted(version - 1, slot_before)
    return Candidate(
        Slotted(version, slot),
        size,
        before,
        BEFORE_FIRST if before is None else event_index_before,
        Written._make(written),
    )
