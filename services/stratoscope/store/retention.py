"""Dropping the beginnings of timelines: what is over a limit, the horizon, the rows before it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from stratoscope.domain.retention import Cut, Drop, Keeping, Kept, Start
from stratoscope.domain.seek import UpTo
from stratoscope.domain.timeline import Place
from stratoscope.store.audit import Audit, Entry
from stratoscope.store.leases import Held
from stratoscope.store.sql import queries
from stratoscope.store.timelines import Timeline, Timelines

_SQL = queries("retention")
# Rows of a transaction: some milliseconds' work, so that intake is never held up for long.
_EVENTS_AT_ONCE = 5_000
_VERSIONS_AT_ONCE = 512
_NONE_OVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Unswept:
    """A timeline with rows before its horizon."""

    agent_id: int
    swept_event: int
    first_event: int
    swept_version: int
    first_version: int


@dataclass(frozen=True, slots=True)
class Swept:
    """Rows that were deleted."""

    events: int = 0
    versions: int = 0


class Retention:
    """What retention reads and drops, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def due(
        self, partitions: Sequence[int], keeping: Keeping, now: datetime
    ) -> list[tuple[str, str]]:
        """Space and name of the agents in some partitions that are over a limit."""
        rows = await self._session.fetch(
            _SQL["due"],
            partitions,
            _NONE_OVER if keeping.events is None else keeping.events,
            _NONE_OVER if keeping.snapshots is None else keeping.snapshots,
            None if keeping.age is None else now - keeping.age,
        )
        return [(row["space"], row["name"]) for row in rows]

    async def kept(self, timeline: Timeline) -> Kept:
        """What of a timeline is there now."""
        return Kept(*await self._session.fetchrow(_SQL["kept"], timeline.agent_id))

    async def behind(self, timeline: Timeline, bound: UpTo) -> Cut:
        """The first event and state version behind a bound."""
        event, version = await Timelines(self._session).seek(timeline, bound)
        return Cut(event + 1, version + 1)

    async def snapshot_behind(self, timeline: Timeline, count: int) -> Cut:
        """The first snapshot that has so many before it."""
        row = await self._session.fetchrow(
            _SQL["snapshot_behind"], timeline.agent_id, timeline.first_shown, count
        )
        return Cut(*row)

    async def start_of(self, agent_id: int, version: int) -> Start | None:
        """The start of a version's group."""
        row = await self._session.fetchrow(_SQL["start_of"], agent_id, version)
        return Start(*row) if row else None

    async def start_behind(self, agent_id: int, version: int) -> Start | None:
        """The first group's start at or after a version."""
        row = await self._session.fetchrow(_SQL["start_behind"], agent_id, version)
        return Start(*row) if row else None

    async def holds(self, space: str, timeline: Timeline, now: datetime) -> list[Cut]:
        """What open sessions need: where they stand, and a group more."""
        rows = await self._session.fetch(_SQL["held"], space, timeline.agent, now)
        return [await self._hold(timeline, row) for row in rows]

    async def _hold(self, timeline: Timeline, row: asyncpg.Record) -> Cut:
        if row["stream_seq"] is None:
            return Cut(row["event_index"], 0)
        place = Place(row["stream_seq"], row["ordinal"])
        passed = await self.behind(timeline, UpTo(place=place))
        start = await self.start_of(timeline.agent_id, passed.version - 1)
        if start is None:
            return Cut(row["event_index"], 0)
        before = await self.start_of(timeline.agent_id, start.version - 1)
        first = before or start
        return Cut(min(row["event_index"], first.event_index), first.version)

    @asynccontextmanager
    async def fenced(self, held: Held, timeline: Timeline) -> AsyncIterator[bool]:
        """A transaction in which nobody moves a session here; False where the lease is lost."""
        async with self._session.transaction():
            owned = await self._session.fetchrow(_SQL["fence"], held.partition, held.epoch)
            await self._session.fetchrow(_SQL["lock"], timeline.agent_id)
            yield owned is not None

    async def losses(self, timeline: Timeline, kept: Kept, drop: Drop) -> tuple[object, ...]:
        """What has to be counted off; it stays as it is, whatever intake adds."""
        row = await self._session.fetchrow(
            _SQL["losses"],
            timeline.agent_id,
            *(kept.first_version, drop.first_version, kept.first_shown, drop.first_shown),
        )
        return (
            *(row["keyframes"], row["raw_bytes"], row["stored_bytes"]),
            *(row["snapshots"], row["memory_usage"]),
        )

    async def move(self, timeline: Timeline, drop: Drop, losses: tuple[object, ...]) -> None:
        """Move the horizon, in the fenced transaction."""
        agent_id = timeline.agent_id
        await self._session.execute(
            _SQL["forget_taints"], agent_id, drop.first_version, drop.first_shown
        )
        await self._session.execute(_SQL["move_horizon"], agent_id, *drop, *losses)

    async def tell(self, space: str, timeline: Timeline, drop: Drop) -> None:
        """Have it known what is dropped, in the fenced transaction."""
        details = {
            "events_before": max(drop.first_position, 0),
            "states_before": drop.first_version,
        }
        entry = Entry("projector", "retention", space, timeline.agent, details)
        await Audit(self._session).add(entry)

    async def unswept(self, partitions: Sequence[int]) -> list[Unswept]:
        """Timelines whose rows before the horizon are still there."""
        return [Unswept(*row) for row in await self._session.fetch(_SQL["unswept"], partitions)]

    async def sweep(self, left: Unswept) -> tuple[Unswept, Swept]:
        """Delete a few rows before a horizon: what is left then, and what went."""
        event = min(left.swept_event + _EVENTS_AT_ONCE, left.first_event)
        version = min(left.swept_version + _VERSIONS_AT_ONCE, left.first_version)
        versions = (left.swept_version, version)
        async with self._session.transaction():
            # Before a table is analysed the planner would rather read all of it.
            await self._session.execute(
                "set local enable_seqscan = off; set local enable_hashjoin = off;"
                " set local enable_mergejoin = off"
            )
            if event > left.swept_event:
                await self._session.execute(
                    _SQL["sweep_events"], left.agent_id, left.swept_event, event
                )
                await self._session.execute(_SQL["sweep_blocks"], left.agent_id, event)
            if version > left.swept_version:
                await self._session.execute(_SQL["sweep_versions"], left.agent_id, *versions)
                await self._session.execute(_SQL["sweep_changes"], left.agent_id, *versions)
            # Last, since intake waits for this row.
            await self._session.execute(_SQL["swept"], left.agent_id, event, version)
        gone = Swept(event - left.swept_event, version - left.swept_version)
        rest = Unswept(left.agent_id, event, left.first_event, version, left.first_version)
        return rest, gone
