"""States as they are asked for: what stands around a position, and the document itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from stratoscope.domain import delta
from stratoscope.domain.seek import Stand
from stratoscope.domain.timeline import Place
from stratoscope.store.pages import Page, fetch_page
from stratoscope.store.sql import queries

_SQL = queries("looking")


class Chain(NamedTuple):
    """The blobs that rebuild a state, keyframe first, and the hash of the result."""

    blobs: tuple[bytes, ...]
    sizes: tuple[int, ...]
    digest: bytes

    def unfold(self) -> bytes:
        """The canonical JSON; raises DamagedChain. Takes time in proportion to `work`."""
        return delta.verified(delta.unfold_last(self.blobs, self.sizes), self.digest)

    @property
    def work(self) -> int:
        """Bytes that unfolding goes through."""
        return sum(self.sizes)


@dataclass(frozen=True, slots=True)
class Passed:
    """A record that was passed: its place and times; `clock` is the timeline's running maximum."""

    place: Place
    clock: datetime
    recorded_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands around a position."""

    event_index: int
    version: int
    event_id: UUID | None
    event: Passed | None
    state: Passed | None
    state_event_index: int
    slot: int | None
    version_snapshot_id: UUID | None
    snapshot_id: UUID | None
    tainted: bool
    # Of the state, in bytes.
    size: int = 0

    @property
    def last(self) -> Passed | None:
        """The record passed last; a patch shares its event's place."""
        passed = [one for one in (self.event, self.state) if one]
        return max(passed, key=lambda one: one.place, default=None)

    @property
    def on_snapshot(self) -> bool:
        """Whether the record passed last is a snapshot."""
        return self.version_snapshot_id is not None and self.last is self.state


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A snapshot without its state; `metadata` is JSON text."""

    version: int
    event_index: int
    stream_seq: int
    id: UUID
    occurred_at: datetime
    memory_usage: int | None
    metadata: str | None
    label: str | None

    @property
    def stand(self) -> Stand:
        """Right after it."""
        return Stand(self.event_index, self.version, self.stream_seq)


@dataclass(frozen=True, slots=True)
class FoundSnapshot:
    """A snapshot found by its id in a space."""

    agent_id: int
    agent: str
    row: SnapshotRow


class States:
    """What is known of states, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def standing(self, agent_id: int, stand: Stand) -> Standing:
        """What stands around one place."""
        return (await self.standings(agent_id, [stand]))[0]

    async def standings(self, agent_id: int, stands: Sequence[Stand]) -> list[Standing]:
        """What stands around each of these places of a timeline."""
        return await self.standings_of([(agent_id, stand) for stand in stands])

    async def standings_of(self, places: Sequence[tuple[int, Stand]]) -> list[Standing]:
        """What stands around places in the timelines of many agents."""
        rows = await self._session.fetch(
            _SQL["standings"],
            [agent_id for agent_id, _ in places],
            [stand.event_index for _, stand in places],
            [stand.version for _, stand in places],
            [stand.until for _, stand in places],
        )
        return [standing_in(row) for row in rows]

    async def chain(self, agent_id: int, version: int, slot: int) -> Chain:
        """What rebuilds one version."""
        versions = [version - slot + each for each in delta.chain(slot)]
        rows = await self._session.fetch(_SQL["chain"], agent_id, versions)
        if len(rows) != len(versions):
            raise delta.DamagedChain(
                f"version {version} of agent {agent_id} needs {len(versions)} blobs,"
                f" {len(rows)} are there"
            )
        sizes, digests, blobs = zip(*rows, strict=True)
        return Chain(blobs, sizes, digests[-1])

    async def snapshot_of(self, agent_id: int, snapshot_id: UUID) -> Stand | None:
        """Right after an agent's snapshot."""
        return _stand(
            await self._session.fetchrow(_SQL["version_of_snapshot"], agent_id, snapshot_id)
        )

    async def find_snapshot(self, space: str, snapshot_id: UUID) -> FoundSnapshot | None:
        """A snapshot by its id; of several in a space the one with the lowest place."""
        place = await self._session.fetchrow(_SQL["place_of_snapshot"], space, snapshot_id)
        if place is None:
            return None
        version = place["version"]
        rows = await self.snapshots(place["agent_id"], version - 1, version, 1)
        return FoundSnapshot(place["agent_id"], place["agent"], rows[0])

    async def snapshots(
        self, agent_id: int, after_version: int, last_version: int, limit: int
    ) -> list[SnapshotRow]:
        """At most `limit` snapshots after one version, up to and with another."""
        rows = await self._session.fetch(
            _SQL["snapshots"], agent_id, after_version, last_version, limit
        )
        return [SnapshotRow(*row) for row in rows]

    async def snapshots_page(
        self, agent_id: int, after_version: int, last_version: int, limit: int
    ) -> Page[SnapshotRow]:
        """The same as a page; fewer where they are large."""
        scope = (agent_id, after_version, last_version, limit + 1)
        page = await fetch_page(self._session, _SQL["snapshots"], *scope, limit=limit)
        return Page([SnapshotRow(*row) for row in page.rows], page.has_more)


def _stand(row: asyncpg.Record | None) -> Stand | None:
    return Stand(row["event_index"], row["version"], row["stream_seq"]) if row else None


def standing_in(row: asyncpg.Record) -> Standing:
    """What stands around a position, from a row that says so."""
    state_event_index = row["version_event_index"]
    return Standing(
        event_index=row["event_index"],
        version=row["version"],
        event_id=row["event_id"],
        event=_passed(row, "event"),
        state=_passed(row, "version"),
        state_event_index=-1 if state_event_index is None else state_event_index,
        slot=row["slot"],
        version_snapshot_id=row["version_snapshot_id"],
        snapshot_id=row["snapshot_id"],
        tainted=row["tainted"],
        size=row["size"] or 0,
    )


def _passed(row: asyncpg.Record, table: str) -> Passed | None:
    if row[f"{table}_seq"] is None:
        return None
    return Passed(
        Place(row[f"{table}_seq"], row[f"{table}_ordinal"]),
        row[f"{table}_clock"],
        row[f"{table}_recorded_at"],
        row[f"{table}_occurred_at"],
    )
