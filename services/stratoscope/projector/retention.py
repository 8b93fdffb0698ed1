"""Dropping what is over a limit, once in a while, beside intake; and bases before the log goes.

An agent's horizon is moved in a short transaction of its own, fenced like a batch: intake waits
for it some milliseconds at most. The rows before it are deleted after a moment in which requests
that have read the old horizon come to their end, a few at a time, with as long a rest in between.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter

import asyncpg
import structlog
from nats.errors import Error as NatsError

from stratoscope.domain.retention import (
    Cut,
    Drop,
    Keeping,
    Kept,
    Wanted,
    by_age,
    by_events,
    by_snapshots,
    drop,
    excess_events,
    excess_snapshots,
    goal,
)
from stratoscope.domain.seek import UpTo
from stratoscope.projector.bases import BaseKeeper, LogFront
from stratoscope.projector.metrics import Metrics
from stratoscope.store.database import DATABASE_ERRORS
from stratoscope.store.dead_letters import AT_A_TIME, DeadLetters
from stratoscope.store.leases import Held
from stratoscope.store.retention import Retention
from stratoscope.store.timelines import Timeline, Timelines
from stratoscope_contracts.subjects import partition_of

log = structlog.get_logger(__name__)

_PASSING = (*DATABASE_ERRORS, NatsError)
# What a request may still read before the horizon that it has found.
GRACE = 2.0


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a run came to: agents whose horizon moved, and those that open sessions hold."""

    moved: int
    held: int


class Cleaner:
    """Keeps the agents of the partitions held within their limits."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        held: Callable[[], Sequence[Held]],
        keeping: Keeping,
        metrics: Metrics,
        *,
        grace: float = GRACE,
    ) -> None:
        self._pool = pool
        self._held = held
        self._keeping = keeping
        self._metrics = metrics
        self._grace = grace

    async def clean(self, now: datetime) -> Cleaned:
        """Drop what is over a limit by now."""
        if not self._keeping.is_limited:
            return Cleaned(0, 0)
        held = {one.partition: one for one in self._held()}
        async with self._pool.acquire() as session:
            cleaned = await self._move(session, held, now)
        if cleaned.moved:
            await asyncio.sleep(self._grace)
        async with self._pool.acquire() as session:
            await self._sweep(Retention(session), [*held])
        self._metrics.cleaned(cleaned.held)
        if cleaned.held:
            log.warning("open sessions keep agents over their limits", agents=cleaned.held)
        return cleaned

    async def _move(
        self, session: asyncpg.Connection, held: dict[int, Held], now: datetime
    ) -> Cleaned:
        moved = holding = 0
        for space, agent in await Retention(session).due([*held], self._keeping, now):
            timeline = await Timelines(session).find(space, agent)
            if timeline is not None:
                fence = held[partition_of(space, agent)]
                one = _Timeline(Retention(session), space, timeline, self._keeping, now)
                planned, is_held = await one.planned()
                holding += is_held
                moved += planned is not None and await one.move(fence, planned)
        return Cleaned(moved, holding)

    async def _sweep(self, retention: Retention, partitions: Sequence[int]) -> None:
        for found in await retention.unswept(partitions):
            left = found
            while (left.swept_event, left.swept_version) != (left.first_event, left.first_version):
                started = perf_counter()
                left, swept = await retention.sweep(left)
                self._metrics.dropped(swept.events, swept.versions)
                await asyncio.sleep(perf_counter() - started)


class DeadLetterSweeper:
    """Removes dead letters by age, those of all partitions.

    Headers and body go once a letter is old, the verdict once the log has lost the message too:
    until then a rebuild repeats it.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        front: Callable[[], Awaitable[LogFront]],
        max_age: timedelta,
        metrics: Metrics,
    ) -> None:
        self._pool = pool
        self._front = front
        self._max_age = max_age
        self._metrics = metrics

    async def sweep(self, now: datetime) -> None:
        """Remove what is old by now, a few rows at a time."""
        first_seq = (await self._front()).first_seq
        async with self._pool.acquire() as session:
            letters = DeadLetters(session)
            await _repeat(lambda: letters.empty(now - self._max_age))
            removed = await _repeat(lambda: letters.remove(first_seq))
        self._metrics.removed_dead_letters(removed)


async def _repeat(sweep: Callable[[], Awaitable[int]]) -> int:
    """Sweep until little is left, with rests as long as the work; how many rows."""
    total = 0
    while True:
        started = perf_counter()
        count = await sweep()
        total += count
        if count < AT_A_TIME:
            return total
        await asyncio.sleep(perf_counter() - started)


async def upkeep(
    bases: BaseKeeper, cleaner: Cleaner, letters: DeadLetterSweeper, interval: float
) -> None:
    """Clean up again and again. A run that fails is tried again at the next turn."""
    while True:
        await asyncio.sleep(interval)
        now = datetime.now(UTC)
        try:
            # First, so that nothing is dropped that a base would have to be made of.
            await bases.advance(now)
            await cleaner.clean(now)
            await letters.sweep(now)
        except _PASSING as error:
            log.warning("retention was cut short", error=f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class _Timeline:
    """One agent that is over a limit."""

    retention: Retention
    space: str
    timeline: Timeline
    keeping: Keeping
    now: datetime

    async def planned(self) -> tuple[tuple[Kept, Drop] | None, bool]:
        """What can go, and whether an open session holds something that should."""
        kept = await self.retention.kept(self.timeline)
        aim = goal(kept, await self._wanted(kept), await self._holds())
        agent_id = self.timeline.agent_id
        behind = await self.retention.start_of(agent_id, aim.cut.version - 1)
        ahead = await self.retention.start_behind(agent_id, aim.cut.version)
        planned = drop(kept, aim, behind, ahead)
        return None if planned is None else (kept, planned), aim.is_held

    async def move(self, fence: Held, planned: tuple[Kept, Drop]) -> bool:
        """Move the horizon; False where the lease is lost, or a session has come in between."""
        kept, wanted = planned
        losses = await self.retention.losses(self.timeline, kept, wanted)
        async with self.retention.fenced(fence, self.timeline) as owned:
            holds = await self._holds()
            if not owned or any(_is_passed(hold, wanted) for hold in holds):
                return False
            await self.retention.move(self.timeline, wanted, losses)
            await self.retention.tell(self.space, self.timeline, wanted)
        return True

    async def _holds(self) -> list[Cut]:
        return await self.retention.holds(self.space, self.timeline, self.now)

    async def _wanted(self, kept: Kept) -> list[Wanted]:
        retention, timeline, keeping = self.retention, self.timeline, self.keeping
        wanted = []
        if count := excess_events(kept, keeping):
            last = UpTo(event_index=kept.first_event + count - 1)
            behind = await retention.behind(timeline, last)
            wanted.append(by_events(kept, keeping, behind.version))
        if count := excess_snapshots(kept, keeping):
            first = await retention.snapshot_behind(timeline, count)
            wanted.append(by_snapshots(keeping, first))
        if keeping.age is not None:
            young = await retention.behind(timeline, UpTo(recorded_at=self.now - keeping.age))
            newest = await self._newest(kept)
            wanted.append(by_age(kept, keeping.age, self.now, young, newest))
        return wanted

    async def _newest(self, kept: Kept) -> int:
        """The first version that belongs to the newest event, or the newest where there is none."""
        if not kept.next_event:
            return max(kept.next_version - 1, 0)
        before = UpTo(event_index=kept.next_event - 2)
        return (await self.retention.behind(self.timeline, before)).version


def _is_passed(hold: Cut, planned: Drop) -> bool:
    return hold.position < planned.first_position or hold.version < planned.first_version
