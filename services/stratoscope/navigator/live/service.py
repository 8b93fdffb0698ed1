"""Watching for breakpoints as long as the process lives, term after term."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final

import structlog

from stratoscope.broker import feed
from stratoscope.broker.ending import end_tasks
from stratoscope.domain.delta import DamagedChain
from stratoscope.navigator.live.lane import Lane
from stratoscope.navigator.live.pruning import Pruning
from stratoscope.navigator.live.term import Inbox, Term, Wiring, begin
from stratoscope.navigator.upkeep import PASSING
from stratoscope.store.database import connection
from stratoscope.store.hits import WatchLost
from stratoscope.telemetry.outage import Outage

_APPLICATION: Final = "stratoscope navigator watching"
_PASSING: Final = (*PASSING, WatchLost, DamagedChain)
_BACKOFF: Final = 0.1
_MAX_BACKOFF: Final = 5.0
log = structlog.get_logger(__name__)


class Watching:
    """One replica's share of watching."""

    def __init__(self, dsn: str, wiring: Wiring, deadline: float | None = None) -> None:
        self._dsn = dsn
        self._deadline = deadline
        self._wiring = wiring
        self._term: Term | None = None
        self._ended_at = monotonic()

    @property
    def seconds_without(self) -> float:
        """How long nothing was watched here."""
        return 0.0 if self._term is not None else monotonic() - self._ended_at

    @property
    def lane(self) -> Lane | None:
        """Who watches here, while somebody does."""
        return None if self._term is None else self._term.lane

    def held(self) -> frozenset[int]:
        """The partitions watched here."""
        return frozenset() if self._term is None else frozenset(self._term.lane.held)

    def look_at_once(self) -> None:
        """Somebody waits for a record that was projected and not seen yet."""
        if self._term is not None:
            self._term.look_at_once()

    async def run(self) -> None:
        """Watch until cancelled."""
        backoff = _BACKOFF
        outage = Outage(log, "watching anew")
        while True:
            try:
                await self._serve(outage)
            except _PASSING as error:
                outage.fail(error)
            except Exception:
                # A fault of ours: breakpoints are not to be blind for ever because of it.
                log.exception("watching failed")
                backoff = min(backoff * 2, _MAX_BACKOFF)
            else:
                backoff = _BACKOFF
            await asyncio.sleep(backoff)

    async def _serve(self, outage: Outage) -> None:
        wiring = self._wiring
        schema = wiring.pool.schema
        where = (self._dsn, schema, _APPLICATION)
        async with connection(*where, by_key=True, deadline=self._deadline) as session:
            owner = f"{socket.gethostname()}/{os.getpid()}/{session.get_server_pid()}"
            inbox = Inbox()
            subscription = await wiring.client.subscribe(feed.COMMITTED, cb=inbox.hear)
            try:
                self._term = await begin(wiring, owner, session, schema, inbox)
                outage.end()
                await self._term.run()
            finally:
                term, self._term = self._term, None
                # What stayed would look like partitions that are watched.
                wiring.metrics.stand(0, 0, 0)
                self._ended_at = monotonic()
                if not wiring.client.is_closed:
                    await subscription.unsubscribe()
                if term is not None:
                    await _leave(term)


async def _leave(term: Term) -> None:
    """Give the leases back, as far as that can still be done."""
    for partition in [*term.lane.held]:
        term.lane.release(partition)
    with suppress(*_PASSING):
        async with asyncio.timeout(1):
            await term.watches.leave()


@asynccontextmanager
async def watching(
    dsn: str, wiring: Wiring, pruning: Pruning, *, deadline: float | None = None
) -> AsyncIterator[Watching]:
    """Watch, and drop old hits, as long as the block lasts; `deadline` seconds for a statement."""
    found = Watching(dsn, wiring, deadline)
    tasks = [
        asyncio.create_task(found.run(), name="breakpoints"),
        asyncio.create_task(wiring.outbox.run(), name="outbox"),
        asyncio.create_task(pruning.run(found.held), name="pruning"),
    ]
    try:
        yield found
    finally:
        await end_tasks(tasks)
        await wiring.outbox.close()
