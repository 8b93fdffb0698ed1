"""What Prometheus is told of the operators' sessions: looked at in the database, not counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.upkeep import repeat
from stratoscope.store.sessions import Sessions

_EVERY: Final = 5.0


async def look(pool: Serving, metrics: Metrics) -> None:
    """Look again and again, until cancelled."""

    async def turn() -> None:
        async with pool.acquire() as session:
            metrics.sessions(await Sessions(session).states(datetime.now(UTC)))

    await repeat(turn, _EVERY, "can't count the sessions")


@asynccontextmanager
async def looking(pool: Serving, metrics: Metrics) -> AsyncIterator[None]:
    """Look for as long as the block lasts."""
    task = asyncio.create_task(look(pool, metrics), name="standing")
    try:
        yield
    finally:
        await end_tasks([task])
