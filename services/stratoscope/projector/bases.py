"""Keeping a base of each agent ahead of where the log is cut.

What the log has lost can't be projected again, so before it goes a rebuild's new start is put
down: the last event and the state there. A log with a maximum age loses its front all the time.
Bases are therefore made well ahead, of what has little time left, and so far on that an agent's
is made anew only now and then.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from stratoscope.domain.delta import DamagedChain
from stratoscope.domain.retention import SLACK
from stratoscope.projector.metrics import Metrics
from stratoscope.store.bases import Bases, overtaken, start_from_bases
from stratoscope.store.leases import Held

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LogFront:
    """Where the log begins, and how long it keeps a message (None for good)."""

    first_seq: int
    max_age: timedelta | None


@dataclass(frozen=True, slots=True)
class Times:
    """What is as old as `soon` needs a base, which is made at `until`."""

    soon: datetime | None
    until: datetime | None


async def begin(
    pool: asyncpg.Pool, stream: str, partitions: Sequence[int], first_seq: int, lost: datetime
) -> None:
    """Begin the agents of empty partitions from their bases.

    All that the log has lost was recorded by the time `lost`, and stood before `first_seq`.
    """
    begun = await start_from_bases(pool, stream, partitions, first_seq)
    if not begun:
        return
    log.info("agents begin at their bases: the log has lost what is before", agents=begun)
    gaps = await overtaken(pool, stream, partitions, first_seq, lost)
    if gaps:
        log.error(
            "the log was cut behind some bases, which nobody made anew in time: what these agents"
            " recorded in between is lost, and their later indexes are lower than they were",
            agents=gaps,
        )


def times(front: LogFront, interval: timedelta, now: datetime) -> Times:
    """Two turns ahead of the log's end at least, and some more so that it lasts; never past now."""
    if front.max_age is None:
        return Times(None, None)
    lost = now - front.max_age
    ahead = max(4 * interval, front.max_age * SLACK)
    return Times(min(lost + 2 * interval, now), min(lost + ahead, now))


class BaseKeeper:
    """Keeps the bases of the agents in the partitions held."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        stream: str,
        held: Callable[[], Sequence[Held]],
        front: Callable[[], Awaitable[LogFront]],
        interval: timedelta,
        metrics: Metrics,
    ) -> None:
        self._pool = pool
        self._stream = stream
        self._held = held
        self._front = front
        self._interval = interval
        self._metrics = metrics

    async def advance(self, now: datetime) -> int:
        """Make the bases that are needed soon; how many."""
        front = await self._front()
        due = times(front, self._interval, now)
        if due.soon is None and front.first_seq <= 1:
            return 0
        partitions = [one.partition for one in self._held()]
        made = 0
        async with self._pool.acquire() as session:
            bases = Bases(session, self._stream)
            await bases.still(partitions, due.soon, due.until, front.first_seq)
            for space, agent in await bases.due(partitions, due.soon, front.first_seq):
                try:
                    made += await bases.advance(space, agent, due.until, front.first_seq)
                except DamagedChain as error:
                    log.error("no base can be made", space=space, agent=agent, error=str(error))
        self._metrics.based(made)
        return made
