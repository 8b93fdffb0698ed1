"""One term of a projector: from a new database session to its end.

The session carries both the leases and the writes, so that losing it is losing both. Within a
term, the pipeline is stopped and made anew whenever the partitions held change.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import asyncpg
import structlog

from stratoscope.broker.connection import Connection
from stratoscope.broker.ending import accompanied, end_tasks
from stratoscope.broker.front import lost_until
from stratoscope.broker.puller import Puller
from stratoscope.domain.records import Batch
from stratoscope.projector.announcing import Announcing
from stratoscope.projector.bases import BaseKeeper, LogFront, begin
from stratoscope.projector.feeding import Feeding, Interest
from stratoscope.projector.following import Following
from stratoscope.projector.gathering import Gathering
from stratoscope.projector.lanes import IntakeLanes
from stratoscope.projector.log_check import check_log
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.pipeline import BatchSize, Pace, Pipeline, Stop
from stratoscope.projector.quarantine import Quarantine
from stratoscope.projector.quotas import Quotas
from stratoscope.projector.resolver import RESOLVING_PARTITION, resolve_page
from stratoscope.projector.retention import Cleaner, DeadLetterSweeper, upkeep
from stratoscope.projector.settings import ProjectorSettings
from stratoscope.projector.tracing import Batches
from stratoscope.store.attempts import Attempts
from stratoscope.store.database import DatabaseUnreachable, connection, pool
from stratoscope.store.intake import Checkpoints, FenceLost, IntakeWriter, Progress
from stratoscope.store.leases import Held, LeasedPart, Leases
from stratoscope.store.past import IntakeReader
from stratoscope.store.quotas import SpaceCounts
from stratoscope.telemetry.traces import Traces
from stratoscope_contracts.subjects import RECORDED, stored_partition
from stratoscope_contracts.words import PARTITIONS, STREAM_RECORD

log = structlog.get_logger(__name__)

_RESOLVE_EVERY = 0.1
_LOOK_EVERY = 0.2
# For leases and upkeep. Writing has a session of its own, and so has looking up what a batch must
# know, for each lane; the resolver does that too.
_POOL = 6
_LOOKING_UP = 3
# What upkeep asks may take longer than what a batch waits for. The leases have the deadline itself.
_UPKEEP_DEADLINES = 20
# What a consumer has on its way at most; more than any message has.
_PULLED_BYTES = 16 << 20
# The side lane's batches are small: decoding them holds the loop that the main lane waits for.
_SIDE_SIZE = BatchSize(1000, 1 << 20)
# Its part of the memory for the newest states.
_SIDE_CACHE = 4
_APPLICATION = "stratoscope projector"


@dataclass(slots=True)
class Wiring:
    """What a projector works with, put together by `app`."""

    settings: ProjectorSettings
    following: Following
    broker: Connection
    # For what operators see; a term has sessions of its own for the projection.
    pool: asyncpg.Pool
    metrics: Metrics
    stopping: asyncio.Event
    reached: Checkpoints | None = None
    # A rebuild tells nobody what it projects until that serves.
    quiet: bool = False
    quarantine: Quarantine = field(default_factory=Quarantine)
    interest: Interest = field(default_factory=Interest)
    traces: Traces | None = None


@dataclass(frozen=True, slots=True)
class _Lane:
    """What a lane of intake works with."""

    gathering: Gathering
    writer: IntakeWriter
    announcing: Announcing
    size: BatchSize


class Term:
    """Projecting one schema over one writer's session."""

    def __init__(self, wiring: Wiring, schema: str, dead_letters: asyncio.Event) -> None:
        self._wiring = wiring
        self._schema = schema
        self._dead_letters = dead_letters
        self._lasting = timedelta(seconds=wiring.settings.lease_seconds)
        self._deadline = wiring.settings.postgres_deadline_seconds
        self._announcing = Announcing(wiring.broker.client, schema)
        self._turn = asyncio.Event()
        self._ending = asyncio.Event()
        self.holding = 0
        self._leases: Leases | None = None
        self.progressed = False
        self._begun = False

    @property
    def held(self) -> Sequence[Held]:
        """The partitions that are held now, with their checkpoints."""
        return self._leases.held if self._leases and self.holding else ()

    async def run(self) -> None:
        """Hold partitions and project them until stopping, or until another schema's turn has come.

        Raises whatever else ends the term.
        """
        where = (self._wiring.settings.postgres_dsn, self._schema, _APPLICATION)
        deadline = self._deadline
        async with (
            pool(*where, size=_POOL, deadline=_UPKEEP_DEADLINES * deadline) as sessions,
            pool(*where, size=_LOOKING_UP, by_key=True, deadline=deadline) as following,
            # The log is on the disk: what a crash of the server takes from the projection,
            # checkpoint and all, is projected again. What others write for good waits for the disk,
            # and for all that was written before it: hits, sessions, the swap of a rebuild.
            connection(*where, by_key=True, waits_for_disk=False, deadline=deadline) as session,
        ):
            leases = Leases(
                session,
                sessions,
                # A name of this term: a lease from an earlier one is not this one's.
                owner=f"{process_name()}{session.get_server_pid()}",
                lasting=self._lasting,
                partitions=PARTITIONS,
            )
            self._leases = leases
            reader = IntakeReader(following)
            writer = IntakeWriter(session, self._wiring.reached)
            await asyncio.gather(reader.prepare(), writer.prepare())
            holding = self._hold(leases, sessions, reader, writer)
            try:
                await accompanied(holding, self._tend(leases), self._look(leases), self._stop())
            finally:
                self.holding = 0
                await self._announcing.close()
            await leases.leave()

    async def _hold(
        self, leases: Leases, sessions: asyncpg.Pool, reader: IntakeReader, writer: IntakeWriter
    ) -> None:
        while not self._ending.is_set():
            self._turn.clear()
            share = await leases.share()
            if surplus := len(leases.held) - share:
                await (leases.release(surplus) if surplus > 0 else leases.claim(share))
            self.holding = len(leases.held)
            log.info("holding partitions", partitions=[held.partition for held in leases.held])
            if leases.held:
                await self._project(leases, sessions, reader, writer)
            else:
                await self._turn.wait()

    async def _project(
        self, leases: Leases, sessions: asyncpg.Pool, reader: IntakeReader, writer: IntakeWriter
    ) -> None:
        held = leases.held
        # Who had these partitions before may have left letters that nobody has published.
        self._dead_letters.set()
        self._begun = False
        # Nobody waits for a rebuild, nor beside a single partition.
        is_shared = not self._wiring.quiet and len(held) > 1
        cache = self._wiring.settings.state_cache_bytes
        quotas = self._quotas(sessions)
        gathering = self._gathering(
            reader, held, quotas, cache - cache // _SIDE_CACHE if is_shared else cache, is_shared
        )
        main = _Lane(gathering, writer, self._announcing, BatchSize())
        async with AsyncExitStack() as stack:
            beside: list[IntakeWriter] = []
            announcing = Announcing(self._wiring.broker.client, self._schema)
            stack.push_async_callback(announcing.close)

            async def run_main(part: LeasedPart, stop: Stop, pace: Pace | None) -> None:
                await self._run_lane(main, reader, sessions, part, stop, pace)

            async def run_side(part: LeasedPart, stop: Stop, pace: Pace) -> None:
                if not beside:
                    beside.append(await self._side_writer(stack))
                gathering = self._gathering(reader, part.held, quotas, cache // _SIDE_CACHE, False)
                lane = _Lane(gathering, beside[0], announcing, _SIDE_SIZE)
                await self._run_lane(lane, reader, sessions, part, stop, pace)

            if is_shared:
                lanes = IntakeLanes(leases, run_main, run_side, self._wiring.metrics.set_apart)
                projecting = lanes.run(self._turn)
            else:
                projecting = run_main(LeasedPart(leases, held), self._turn, None)
            await accompanied(
                projecting, self._resolve(sessions, reader, held), self._upkeep(sessions, held)
            )

    async def _run_lane(
        self,
        lane: _Lane,
        reader: IntakeReader,
        sessions: asyncpg.Pool,
        part: LeasedPart,
        stop: Stop,
        pace: Pace | None,
    ) -> None:
        """Project some partitions through a consumer of their own."""
        wiring, held = self._wiring, part.held
        complete = len(held) == PARTITIONS
        lane.gathering.serve({one.partition: one.stream_seq for one in held}, complete=complete)
        puller = Puller(
            wiring.broker.client,
            STREAM_RECORD,
            start_seq=min(one.stream_seq for one in held) + 1,
            subjects=() if complete else _subjects(held),
            batch=lane.size.messages,
            max_bytes=_PULLED_BYTES,
        )
        async with puller:
            # Only now: a consumer ends with its stream, so what is checked is what is read.
            await check_log(wiring.broker.client, sessions, STREAM_RECORD, held)
            pipeline = Pipeline(
                puller,
                lane.gathering,
                lane.writer,
                part,
                told=partial(self._told, lane.announcing),
                metrics=wiring.metrics,
                quarantine=wiring.quarantine,
                feed=None if wiring.quiet else self._feeding(),
                batches=Batches(wiring.traces),
                attempts=Attempts(sessions),
                size=lane.size,
                pace=pace,
            )
            if not self._begun:
                await self._start_from_bases(sessions, held)
                self._begun = True
            if wiring.quiet and complete and await reader.is_empty():
                lane.gathering.sift()
            await pipeline.run(stop)

    def _gathering(
        self,
        reader: IntakeReader,
        held: Sequence[Held],
        quotas: Quotas | None,
        cache_bytes: int,
        light: bool,
    ) -> Gathering:
        wiring = self._wiring
        return Gathering(
            reader,
            STREAM_RECORD,
            complete=len(held) == PARTITIONS,
            cache_bytes=cache_bytes,
            passed={one.partition: one.stream_seq for one in held},
            field_index=wiring.settings.field_index,
            closing=wiring.settings.closing,
            quarantine=wiring.quarantine,
            quotas=quotas,
            light=light,
        )

    async def _side_writer(self, stack: AsyncExitStack) -> IntakeWriter:
        """The side lane writes over a session of its own; the epoch fences it as it does the other.

        That session holds no lease.
        """
        where = (self._wiring.settings.postgres_dsn, self._schema, _APPLICATION)
        opened = connection(*where, by_key=True, waits_for_disk=False, deadline=self._deadline)
        writer = IntakeWriter(await stack.enter_async_context(opened), self._wiring.reached)
        await writer.prepare()
        return writer

    def _quotas(self, sessions: asyncpg.Pool) -> Quotas | None:
        """None where there is nothing to hold to; a rebuild takes what live intake has taken."""
        settings = self._wiring.settings
        if self._wiring.quiet or not settings.quota.of_spaces.is_limited:
            return None
        interval = settings.retention.cleanup_interval
        return Quotas(SpaceCounts(sessions), settings.quota.of_spaces, interval)

    def _feeding(self) -> Feeding:
        return Feeding(self._wiring.broker.client, self._schema, self._wiring.interest)

    async def _start_from_bases(self, sessions: asyncpg.Pool, held: Sequence[Held]) -> None:
        """Begin what is empty where the log no longer has the beginning."""
        empty = [one.partition for one in held if not one.stream_seq]
        if empty:
            # In this order: a front that moves on in between is no gap that goes unseen.
            front = await self._front()
            lost = await lost_until(self._wiring.broker.client, STREAM_RECORD)
            await begin(sessions, STREAM_RECORD, empty, front.first_seq, lost)

    async def _upkeep(self, sessions: asyncpg.Pool, held: Sequence[Held]) -> None:
        if self._wiring.quiet:
            # A projection that is being filled knows no agent's newest record: whatever it would
            # put down or drop is the business of the one that serves.
            await asyncio.Event().wait()
        retention, metrics = self._wiring.settings.retention, self._wiring.metrics
        interval = timedelta(seconds=retention.cleanup_interval)
        bases = BaseKeeper(sessions, STREAM_RECORD, lambda: held, self._front, interval, metrics)
        cleaner = Cleaner(sessions, lambda: held, retention.keeping, metrics)
        letters = DeadLetterSweeper(sessions, self._front, retention.max_dead_letter_age, metrics)
        await upkeep(bases, cleaner, letters, retention.cleanup_interval)

    async def _front(self) -> LogFront:
        info = await self._wiring.broker.jetstream.stream_info(STREAM_RECORD)
        seconds = info.config.max_age
        return LogFront(info.state.first_seq, timedelta(seconds=seconds) if seconds else None)

    async def _tend(self, leases: Leases) -> None:
        """Renew the leases, and ask for a new turn where partitions are to be had or given."""
        while True:
            await asyncio.sleep(self._lasting.total_seconds() / 4)
            try:
                async with asyncio.timeout(self._deadline):
                    await self._renew(leases)
            except TimeoutError as error:
                raise DatabaseUnreachable(
                    f"Postgres did not renew the leases within {self._deadline:g} s"
                ) from error

    async def _renew(self, leases: Leases) -> None:
        if not await leases.renew():
            raise FenceLost("a lease was taken over by another projector")
        wanted = await leases.share() - len(leases.held)
        if wanted < 0 or (wanted > 0 and await leases.free()):
            self._turn.set()

    async def _look(self, leases: Leases) -> None:
        """Whoever holds nothing takes over at once what a rebuild, or one that stops, gives up."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if not leases.held and await leases.free():
                self._turn.set()

    async def _stop(self) -> None:
        moved = asyncio.create_task(self._wiring.following.moved(self._schema))
        stopping = asyncio.create_task(self._wiring.stopping.wait())
        try:
            await asyncio.wait((moved, stopping), return_when=asyncio.FIRST_COMPLETED)
            if moved.done():
                moved.result()
        finally:
            await end_tasks((moved, stopping))
        self._ending.set()
        self._turn.set()
        await asyncio.Event().wait()

    async def _resolve(
        self, sessions: asyncpg.Pool, reader: IntakeReader, held: Sequence[Held]
    ) -> None:
        if not any(one.partition == RESOLVING_PARTITION for one in held):
            await asyncio.Event().wait()
        while True:
            while await resolve_page(sessions, reader):
                pass
            await asyncio.sleep(_RESOLVE_EVERY)

    async def _told(
        self,
        announcing: Announcing,
        batch: Batch | None,
        progress: Progress,
        held: Sequence[Held],
        fed: bool,
    ) -> None:
        """After a commit: tell the navigators, and who publishes dead letters."""
        self.progressed = True
        if self._wiring.quiet:
            return
        if batch is not None and batch.rejections:
            self._dead_letters.set()
        await announcing.say(progress.stream_seq, held, at_once=not fed)


def _subjects(held: Sequence[Held]) -> list[str]:
    """The filters of some partitions; what the stream keeps in none goes with the first."""
    filters = [stored_partition(one.partition) for one in held]
    return [*filters, RECORDED] if held[0].partition == 0 else filters


def process_name() -> str:
    """What the names of all terms of this process begin with."""
    return f"{socket.gethostname()}/{os.getpid()}/"
