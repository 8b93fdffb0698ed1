"""Dropping hits that were published long ago, beside the watching: a few rows at a time.

It uses other database sessions than hits do, and works a tenth of the time: at half of it, one hit
in a hundred came five times as late.
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final

from stratoscope.navigator.live.metrics import LiveMetrics
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.upkeep import repeat
from stratoscope.store.pruning import EVER, prune

# Some milliseconds of the database's work.
_AT_A_TIME: Final = 200
# For each second of work.
_REST: Final = 9.0


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

        async def turn() -> None:
            await self.prune(held(), datetime.now(UTC))

        await asyncio.sleep(self._every)
        await repeat(turn, self._every, "old hits stay for now")

    async def prune(self, partitions: Collection[int], now: datetime) -> None:
        """Drop what is old by now."""
        before = now - self._age
        for partition in sorted(partitions):
            since: datetime | None = EVER
            while since is not None:
                started = perf_counter()
                since = await self._prune(partition, since, before)
                await asyncio.sleep(_REST * (perf_counter() - started))

    async def _prune(self, partition: int, since: datetime, before: datetime) -> datetime | None:
        """Drop a few; from when on there may be more: what is gone is not looked through again."""
        async with self._pool.acquire() as session:
            pruned = await prune(session, partition, since, before, _AT_A_TIME)
        self._metrics.dropped(pruned.count)
        return pruned.upto if pruned.count == _AT_A_TIME else None
