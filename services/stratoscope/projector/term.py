"""One term of a projector: from a new database session to its end.

The session carries both the leases and the writes, so that losing it is losing both. Within a
term, the pipeline is stopped and made anew whenever the partitions held change.
"""

import asyncio
import os
import socket
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from stratoscope.broker import feed
from stratoscope.broker.connection import Connection
from stratoscope.broker.puller import Puller
from stratoscope.domain.records import Batch
from stratoscope.projector.gathering import Gathering
from stratoscope.projector.log_check import check_log
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.pipeline import BATCH, Pipeline
from stratoscope.projector.resolver import RESOLVING_PARTITION, resolve_page
from stratoscope.projector.settings import ProjectorSettings
from stratoscope.store.database import connection
from stratoscope.store.intake import Checkpoints, FenceLost, IntakeReader, IntakeWriter, Progress
from stratoscope.store.leases import Held, Leases
from stratoscope_contracts.subjects import stored_partition
from stratoscope_contracts.words import PARTITIONS, STREAM_RECORD

log = structlog.get_logger(__name__)

_RESOLVE_EVERY = 0.1


@dataclass(slots=True)
class Wiring:
    """What a projector works with, put together by `app`."""

    settings: ProjectorSettings
    schema: str
    broker: Connection
    pool: asyncpg.Pool
    metrics: Metrics
    stopping: asyncio.Event
    reached: Checkpoints | None = None


class Term:
    """Projecting over one writer's session."""

    def __init__(self, wiring: Wiring, dead_letters: asyncio.Event) -> None:
        self._wiring = wiring
        self._dead_letters = dead_letters
        self._lasting = timedelta(seconds=wiring.settings.lease_seconds)
        self._turn = asyncio.Event()
        self.holding = 0
        self.progressed = False

    async def run(self) -> None:
        """Hold partitions and project them until stopping. Raises whatever ends the term."""
        wiring = self._wiring
        async with connection(
            wiring.settings.postgres_dsn, wiring.schema, "stratoscope projector"
        ) as session:
            leases = Leases(
                session,
                wiring.pool,
                # A name of this term: a lease from an earlier one is not this one's.
                owner=f"{socket.gethostname()}/{os.getpid()}/{session.get_server_pid()}",
                lasting=self._lasting,
                partitions=PARTITIONS,
            )
            holding = self._hold(leases, IntakeWriter(session, wiring.reached))
            try:
                await _accompanied(holding, self._tend(leases), self._stop())
            finally:
                self.holding = 0
            await leases.leave()

    async def _hold(self, leases: Leases, writer: IntakeWriter) -> None:
        while not self._wiring.stopping.is_set():
            self._turn.clear()
            share = await leases.share()
            if surplus := len(leases.held) - share:
                await (leases.release(surplus) if surplus > 0 else leases.claim(share))
            self.holding = len(leases.held)
            log.info("holding partitions", partitions=[held.partition for held in leases.held])
            if leases.held:
                await self._project(leases, writer)
            else:
                await self._turn.wait()

    async def _project(self, leases: Leases, writer: IntakeWriter) -> None:
        wiring = self._wiring
        held = leases.held
        complete = len(held) == PARTITIONS
        puller = Puller(
            wiring.broker.client,
            STREAM_RECORD,
            start_seq=min(one.stream_seq for one in held) + 1,
            subjects=() if complete else [stored_partition(one.partition) for one in held],
            batch=BATCH,
        )
        reader = IntakeReader(wiring.pool)
        gathering = Gathering(
            reader,
            STREAM_RECORD,
            complete=complete,
            cache_bytes=wiring.settings.state_cache_bytes,
            passed={one.partition: one.stream_seq for one in held},
            field_index=wiring.settings.field_index,
        )
        async with puller:
            # Only now: a consumer ends with its stream, so what is checked is what is read.
            await check_log(wiring.broker.jetstream, wiring.pool, STREAM_RECORD, held)
            pipeline = Pipeline(
                puller,
                gathering,
                writer,
                leases,
                last_seq=self._last_seq,
                told=self._told,
                metrics=wiring.metrics,
            )
            await _accompanied(pipeline.run(self._turn), self._resolve(reader, held))

    async def _tend(self, leases: Leases) -> None:
        """Renew the leases, and ask for a new turn where partitions are to be had or given."""
        while True:
            await asyncio.sleep(self._lasting.total_seconds() / 4)
            if not await leases.renew():
                raise FenceLost("a lease was taken over by another projector")
            wanted = await leases.share() - len(leases.held)
            if wanted < 0 or (wanted > 0 and await leases.free()):
                self._turn.set()

    async def _stop(self) -> None:
        await self._wiring.stopping.wait()
        self._turn.set()
        await asyncio.Event().wait()

    async def _resolve(self, reader: IntakeReader, held: Sequence[Held]) -> None:
        if not any(one.partition == RESOLVING_PARTITION for one in held):
            await asyncio.Event().wait()
        while True:
            while await resolve_page(self._wiring.pool, reader):
                pass
            await asyncio.sleep(_RESOLVE_EVERY)

    async def _last_seq(self) -> int:
        info = await self._wiring.broker.jetstream.stream_info(STREAM_RECORD)
        return info.state.last_seq

    async def _told(self, batch: Batch | None, progress: Progress, held: Sequence[Held]) -> None:
        """After a commit: tell the navigators, and who publishes dead letters."""
        self.progressed = True
        if batch is not None and batch.rejections:
            self._dead_letters.set()
        projected = feed.Projected(
            self._wiring.schema, progress.stream_seq, tuple(one.partition for one in held)
        )
        await self._wiring.broker.client.publish(feed.PROJECTED, feed.encode(projected))


async def _accompanied(main: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run work with endless work beside it: all end with the first, and its failure is raised."""
    tasks = [asyncio.create_task(one) for one in (main, *others)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if not task.done():
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
