"""Periodic deletion of what operators left behind: `store.sweeps`, with its ages and metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator.breakpoints.telling import SESSION_OVER
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.upkeep import repeat
from stratoscope.store.sweeps import AT_A_TIME, Sweeps

# A probe of an index: a session that outlives its time disarms within this many seconds.
DISARM_EVERY: Final = 1.0
# By then what an import recorded is projected.
_IMPORTS_AFTER: Final = timedelta(days=1)
KINDS: Final = ("breakpoint", "session", "audit", "import")


class SweepMetrics:
    """How much was swept."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._swept = Counter(
            "strato_navigator_swept",
            "Rows deleted or disabled by age.",
            ["kind"],
            registry=registry,
        )
        for kind in KINDS:
            self._swept.labels(kind)

    def swept(self, kind: str, count: int) -> None:
        """Count rows of a kind."""
        self._swept.labels(kind).inc(count)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps again and again; an age of None keeps for ever."""

    pool: Serving
    metrics: SweepMetrics
    session_age: timedelta
    audit_age: timedelta | None
    every: float

    async def run(self) -> None:
        """Sweep every few minutes, until cancelled."""

        async def turn() -> None:
            await self.sweep(datetime.now(UTC))

        await repeat(turn, self.every, "what is over stays for now")

    async def run_disarming(self) -> None:
        """Disarm every second, until cancelled."""

        async def turn() -> None:
            await self.disarm(datetime.now(UTC))

        await repeat(turn, DISARM_EVERY, "breakpoints of outlived sessions stay for now")

    async def disarm(self, now: datetime) -> None:
        """Disable breakpoints whose session outlived its time by a moment, as its end would."""
        await self._all("breakpoint", lambda one: one.end_breakpoints(now, SESSION_OVER))

    async def sweep(self, now: datetime) -> None:
        """Sweep what is over by a moment, all but breakpoints."""
        await self._all("session", lambda one: one.remove_sessions(now - self.session_age, now))
        await self._all("import", lambda one: one.remove_imports(now - _IMPORTS_AFTER))
        if (age := self.audit_age) is not None:
            await self._all("audit", lambda one: one.remove_audit(now - age))

    async def _all(self, kind: str, sweep: Callable[[Sweeps], Awaitable[int]]) -> None:
        count = AT_A_TIME
        while count >= AT_A_TIME:
            async with self.pool.acquire() as session:
                count = await sweep(Sweeps(session))
            self.metrics.swept(kind, count)


@asynccontextmanager
async def sweeping(sweeper: Sweeper) -> AsyncIterator[None]:
    """Sweep for as long as the block lasts."""
    tasks = [
        asyncio.create_task(sweeper.run(), name="sweeper"),
        asyncio.create_task(sweeper.run_disarming(), name="disarming"),
    ]
    try:
        yield
    finally:
        await end_tasks(tasks)
