"""How holds end by themselves, and how agents hear of those that nobody told them of.

Every replica looks, twice a second, and a hold is deleted by one of them alone: that one tells the
agent. Should it end before it does, the agent asks by itself within a second.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import structlog

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator.holding.metrics import HoldMetrics
from stratoscope.navigator.holding.telling import Tell, resume, tell_of
from stratoscope.navigator.upkeep import repeat
from stratoscope.store.holds import Holds, Over

_EVERY: Final = 0.5
# Whoever placed a hold tells the agent at once; what is not told by then was forgotten.
_TOLD_WITHIN: Final = timedelta(seconds=1)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Releasing:
    """Ends holds that are over."""

    pool: asyncpg.Pool
    tell: Tell
    metrics: HoldMetrics
    max_hold: timedelta

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await repeat(self.look, _EVERY, "can't see which holds are over")

    async def look(self) -> None:
        """Release what is over by now, and tell the agents."""
        now = datetime.now(UTC)
        async with self.pool.acquire() as session:
            holds = Holds(session)
            over = await holds.release_over(now, now - self.max_hold)
            agents = {(hold.space, hold.agent): hold for hold in over}
            free = await holds.free_among(list(agents))
            for placed in await holds.untold(now - _TOLD_WITHIN):
                await tell_of(placed, self.tell, holds)
            self.metrics.stand(*await holds.count(now))
        for key in free:
            await self.tell(*key, resume(agents[key].held_by))
        for hold in over:
            self._count(hold)

    def _count(self, hold: Over) -> None:
        self.metrics.released(too_long=hold.too_long)
        log.info(
            "a hold is over",
            space=hold.space,
            agent=hold.agent,
            held_by=hold.held_by,
            why="it lasted too long" if hold.too_long else "its session is over",
        )


@asynccontextmanager
async def releasing(releases: Releasing) -> AsyncIterator[None]:
    """End holds that are over, as long as the block lasts."""
    task = asyncio.create_task(releases.run(), name="holds")
    try:
        yield
    finally:
        await end_tasks([task])
