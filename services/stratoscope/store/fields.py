"""The field index as it is asked: which versions may have changed a field, and what they hold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from stratoscope.domain import delta
from stratoscope.domain.fields import parents
from stratoscope.domain.paths import Segments, format
from stratoscope.domain.seek import Stand
from stratoscope.store.sql import queries
from stratoscope_contracts.looking import Direction

_SQL = queries("fields")


@dataclass(frozen=True, slots=True)
class FieldIndex:
    """The part of an agent's index that a field is found by."""

    paths: tuple[int, ...]
    # Versions below this one are not in it.
    complete_from: int
    # Whether the field is the root, which every version may change.
    everything: bool


@dataclass(frozen=True, slots=True)
class VersionRow:
    """Where a version stands, and what it takes to rebuild it."""

    version: int
    event_index: int
    stream_seq: int
    slot: int
    size: int

    @property
    def stand(self) -> Stand:
        """Right after it."""
        return Stand(self.event_index, self.version, self.stream_seq)

    @property
    def chain(self) -> tuple[int, ...]:
        """The versions that rebuild it, keyframe first, itself last."""
        return tuple(self.version - self.slot + slot for slot in delta.chain(self.slot))


class Written(NamedTuple):
    """The position right after a version."""

    version: int
    event_index: int
    event_id: UUID | None
    stream_seq: int
    ordinal: int
    occurred_at: datetime
    recorded_at: datetime
    snapshot_id: UUID | None


class Fields:
    """What is known of fields, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def index(self, agent_id: int, complete_from: int, field: Segments) -> FieldIndex:
        """What a field is found by in an agent's index, which begins with a version."""
        if not field:
            return FieldIndex((), complete_from, everything=True)
        rows = await self._session.fetch(
            _SQL["field_paths"], agent_id, format(field), parents(field)
        )
        return FieldIndex(tuple(row["path_no"] for row in rows), complete_from, everything=False)

    async def candidates(
        self,
        agent_id: int,
        index: FieldIndex,
        after: int,
        last: int,
        direction: Direction,
        limit: int,
    ) -> list[int]:
        """Versions after one, up to and with another, that may have changed the field.

        At most `limit` of them, in the direction asked for, with none left out before the last.
        """
        if direction == "forward":
            bare = range(after + 1, min(last, self._bare_until(index, last)) + 1)[:limit]
            if len(bare) == limit:
                return list(bare)
            start = max(after, self._bare_until(index, last))
            found = await self._indexed(agent_id, index, (start, last), direction, limit)
            return [*bare, *found][:limit]
        start = max(after, self._bare_until(index, last))
        found = await self._indexed(agent_id, index, (start, last), direction, limit)
        bare = range(min(last, self._bare_until(index, last)), after, -1)
        return [*found, *bare[: limit - len(found)]]

    @staticmethod
    def _bare_until(index: FieldIndex, last: int) -> int:
        """The last version that has to be looked at because the index does not know it."""
        return last if index.everything else index.complete_from - 1

    async def _indexed(
        self,
        agent_id: int,
        index: FieldIndex,
        stretch: tuple[int, int],
        direction: Direction,
        limit: int,
    ) -> list[int]:
        if not index.paths or stretch[0] >= stretch[1]:
            return []
        query = _SQL[f"candidates_{direction}"]
        rows = await self._session.fetch(query, agent_id, index.paths, *stretch, limit)
        return [row["version"] for row in rows]

    async def versions(self, agent_id: int, versions: Iterable[int]) -> dict[int, VersionRow]:
        """Where versions stand; those that are gone are left out."""
        rows = await self._session.fetch(_SQL["versions"], agent_id, sorted(set(versions)))
        return {row["version"]: VersionRow(*row) for row in rows}

    async def written(self, agent_id: int, versions: Sequence[int]) -> dict[int, Written]:
        """Where versions stand, as positions are told."""
        rows = await self._session.fetch(_SQL["written"], agent_id, versions)
        return {row["version"]: Written(*row) for row in rows}

    async def frames(self, agent_id: int, rows: Sequence[VersionRow]) -> dict[int, delta.Frame]:
        """All blobs that rebuild some versions; neighbours share most of theirs."""
        wanted = sorted({version for row in rows for version in row.chain})
        found = await self._session.fetch(_SQL["blobs"], agent_id, wanted)
        if len(found) != len(wanted):
            raise delta.DamagedChain(
                f"agent {agent_id} needs {len(wanted)} blobs, {len(found)} are there"
            )
        return {
            row["version"]: delta.Frame(row["slot"], row["size"], row["digest"], row["blob"])
            for row in found
        }
