"""Hits, kept together with how far their partitions were watched: both, or neither."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from stratoscope.domain.timeline import Place
from stratoscope.store.sql import queries
from stratoscope_contracts.breakpoints import Action

_SQL = queries("hits")
# A breakpoint and an agent.
Counted = tuple[UUID, str]


class WatchLost(Exception):
    """Somebody else watches a partition now."""


@dataclass(frozen=True, slots=True)
class HitRow:
    """A hit as it is stored; `body` is the message that is published."""

    hit_id: UUID
    breakpoint_id: UUID
    session_id: UUID | None
    partition: int
    space: str
    agent: str
    place: Place
    event_index: int
    action: Action
    body: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a condition was met by an agent, and how often that was a hit."""

    matches: int
    hits: int


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a partition was watched under a fence, and by the breakpoints up to a revision."""

    partition: int
    epoch: int
    stream_seq: int
    revision: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A hit that is not known to be in the stream."""

    hit_id: UUID
    space: str
    agent: str
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record that was hit: an event, or the snapshot of a version."""

    agent_id: int
    event_index: int
    version: int
    is_event: bool


class Hits:
    """The hits, by way of one database session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def prepare(self) -> None:
        """Keep nothing, so that the first hit is not what the statement is planned for."""
        await self.keep((), (), {}, datetime.now(UTC))

    async def traceparents(self, records: Sequence[Recorded]) -> list[str | None]:
        """What each of these records said of its trace."""
        rows = await self._session.fetch(
            _SQL["traceparents"],
            [one.agent_id for one in records],
            [one.event_index for one in records],
            [one.version for one in records],
            [one.is_event for one in records],
        )
        return [row["traceparent"] for row in rows]

    async def advance(self, reached: Sequence[Reached]) -> None:
        """Remember how far partitions were watched, where nothing was hit. Raises WatchLost."""
        done = await self._session.execute(_SQL["advance"], *_lines(reached))
        if done != f"UPDATE {len(reached)}":
            raise WatchLost(f"of {len(reached)} partitions: {done}")

    async def keep(
        self,
        reached: Sequence[Reached],
        hits: Sequence[HitRow],
        counts: Mapping[Counted, Tally],
        now: datetime,
        *,
        waits_for_disk: bool = False,
    ) -> set[UUID]:
        """Keep the hits of a batch, in the caller's transaction if there is one; which are new.

        Where that does not wait for the disk, a crash of the server may take all of it back.
        Raises WatchLost, and then nothing is kept.
        """
        columns = [list(column) for column in zip(*map(_columns, hits), strict=True)]
        tallies = [
            (*key, tally.matches, tally.hits) for key, tally in sorted(counts.items(), key=str)
        ]
        row = await self._session.fetchrow(
            _SQL["keep"],
            *_lines(reached),
            now,
            *(columns or [[] for _ in range(11)]),
            *([list(column) for column in zip(*tallies, strict=True)] or [[], [], [], []]),
            waits_for_disk,
        )
        if not row["is_ours"]:
            raise WatchLost("a partition is watched by somebody else now")
        return set(row["kept"])

    async def matches(self, asked: Sequence[Counted]) -> dict[Counted, int]:
        """How often conditions were met by agents so far; those that never were are left out."""
        breakpoints, agents = [one for one, _ in asked], [agent for _, agent in asked]
        rows = await self._session.fetch(_SQL["matches"], breakpoints, agents)
        return {(row["breakpoint_id"], row["agent"]): row["matches"] for row in rows}

    async def unpublished(self, partition: int, limit: int, size: int) -> list[Waiting]:
        """Hits of a partition that nobody said were published, in the order of the log.

        At most `limit` of them, and no more after one with which they have `size` bytes.
        """
        rows = await self._session.fetch(_SQL["unpublished"], partition, limit, size)
        return [Waiting(*row) for row in rows]

    async def published(self, hits: Sequence[UUID], now: datetime) -> None:
        """Say that hits are in the stream."""
        await self._session.execute(_SQL["published"], hits, now)


def _lines(reached: Sequence[Reached]) -> list[list[int]]:
    rows = [(one.partition, one.epoch, one.stream_seq, one.revision) for one in reached]
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]


def _columns(hit: HitRow) -> tuple[object, ...]:
    return (
        hit.hit_id,
        hit.breakpoint_id,
        hit.session_id,
        hit.partition,
        hit.space,
        hit.agent,
        *hit.place,
        hit.event_index,
        hit.action,
        hit.body,
    )
