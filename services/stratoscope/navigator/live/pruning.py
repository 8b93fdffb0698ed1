"""Dropping hits that were published long ago, beside the watching: a few rows at a time.

It has database sessions of its own, so that no hit waits for it, and rests as long as it works.
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final

import asyncpg
import structlog

from stratoscope.navigator.live.metrics import LiveMetrics
from stratoscope.navigator.serving import Serving
from stratoscope.store.pruning import EVER, prune

# Some milliseconds of the database's work.
_AT_A_TIME: Final = 200
_PASSING: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
log = structlog.get_logger(__name__)


class Pruning:
    """Drops hits of some partitions that were published longer ago than `age`."""

    def __init__(
        self, pool: Serving, metrics: LiveMetrics, *, age: timedelta, every: float
    ) -> None:
        self._pool = pool
        self._metrics = metrics
        self._age = age
        self._every = every

    async def run(self, held: Callable[[], Collection[int]]) -> None:
        """Drop what is old in the partitions held, every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.prune(held(), datetime.now(UTC))
            except _PASSING as error:
                log.warning("old hits stay for now", error=f"{type(error).__name__}: {error}")

    async def prune(self, partitions: Collection[int], now: datetime) -> None:
        """Drop what is old by now."""
        before = now - self._age
        for partition in sorted(partitions):
            since: datetime | None = EVER
            while since is not None:
                started = perf_counter()
                since = await self._prune(partition, since, before)
                await asyncio.sleep(perf_counter() - started)

    async def _prune(self, partition: int, since: datetime, before: datetime) -> datetime | None:
        """Drop a few; from when on there may be more: what is gone is not looked through again."""
        async with self._pool.acquire() as session:
            pruned = await prune(session, partition, since, before, _AT_A_TIME)
        self._metrics.dropped(pruned.count)
        return pruned.upto if pruned.count == _AT_A_TIME else None
