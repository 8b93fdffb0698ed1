"""How the projection stands to the log, as Prometheus is told: looked at, not counted.

Each projector looks at all partitions, whoever holds them: one that nobody holds is behind, too,
and a projector that has halted still says by how much.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import StreamInfo
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.front import describe_stream, read_message
from stratoscope.broker.quorum import has_quorum
from stratoscope.store.database import DATABASE_ERRORS
from stratoscope.store.projections import Projections, database_bytes, serving_schema
from stratoscope.telemetry.outage import Outage
from stratoscope.telemetry.pulse import Pulse
from stratoscope_contracts.words import STREAM_RECORD

LOOK_SECONDS: Final = 2.5
# A look that takes longer is given up: a locked table must not keep the log's end from sight.
_PATIENCE: Final = 5.0
# Without an answer for so long the broker or the database counts as silent: two looks on a machine
# that is busy.
SILENCE_SECONDS: Final = 10.0
_FIRST_SECONDS: Final = 1.0
_PASSING: Final = (*DATABASE_ERRORS, NatsError)
log = structlog.get_logger(__name__)


class _Fresh(Collector):
    """Metrics that are left out once what they tell of has not answered for too long."""

    def __init__(self, pulse: Pulse) -> None:
        self.registry = CollectorRegistry()
        self._pulse = pulse

    def collect(self) -> Iterable[Metric]:
        return () if self._pulse.is_silent else self.registry.collect()


class StandMetrics:
    """Gauges of the log, the database, and how far the one is behind the other.

    Those that can't be refreshed disappear.
    """

    def __init__(self, registry: CollectorRegistry, silence: float = SILENCE_SECONDS) -> None:
        self.broker, self.database = Pulse(silence), Pulse(silence)
        of_log, of_database = _Fresh(self.broker), _Fresh(self.database)
        self._register(of_log.registry, of_database.registry)
        for one in (of_log, of_database):
            registry.register(one)
        self.without_progress = Gauge(
            "strato_projector_seconds_without_progress",
            "Seconds since records wait in held partitions and none was committed.",
            registry=registry,
        )
        self.without_storing = Gauge(
            "strato_projector_seconds_without_storing",
            "Seconds in which the broker stored none of the messages that probe it.",
            registry=registry,
        )
        # A duration: the clocks of a projector and of Prometheus may differ by hours.
        self.looked = Pulse(silence)
        Gauge(
            "strato_projector_seconds_without_look",
            "Seconds since log and database were last looked at.",
            registry=registry,
        ).set_function(lambda: self.looked.seconds)

    def _register(self, of_log: CollectorRegistry, of_database: CollectorRegistry) -> None:
        self.lag_messages = Gauge(
            "strato_projector_lag_messages",
            "Messages of the log behind a partition's checkpoint.",
            ["partition"],
            registry=of_database,
        )
        self.lag_seconds = Gauge(
            "strato_projector_lag_seconds",
            "Age of the first message behind a partition's checkpoint.",
            ["partition"],
            registry=of_database,
        )
        self.log_end = Gauge(
            "strato_projector_log_last_stream_seq", "The log's last message.", registry=of_log
        )
        self.log_bytes = Gauge(
            "strato_projector_log_bytes", "Bytes that the log takes.", registry=of_log
        )
        self.log_limit = Gauge(
            "strato_projector_log_limit_bytes",
            "Bytes after which the log refuses records; +Inf where it has no limit.",
            registry=of_log,
        )
        self.database_bytes = Gauge(
            "strato_projector_database_bytes",
            "Bytes that the database takes.",
            registry=of_database,
        )

    def log(self, info: StreamInfo) -> None:
        """Show the log."""
        limit = info.config.max_bytes or -1
        self.log_end.set(info.state.last_seq)
        self.log_bytes.set(info.state.bytes)
        self.log_limit.set(limit if limit > 0 else float("inf"))

    def behind(
        self, reached: Mapping[int, int], last: int, since: Mapping[int, datetime], now: datetime
    ) -> None:
        """Show each partition's lag; `since` has, by checkpoint, when what comes next was sent."""
        if any(stream_seq > last for stream_seq in reached.values()):
            # The log was rolled back or replaced: its numbers and the checkpoints don't compare.
            self.lag_messages.clear()
            self.lag_seconds.clear()
            return
        for partition, stream_seq in reached.items():
            waits = since.get(stream_seq, now)
            self.lag_messages.labels(partition).set(max(0, last - stream_seq))
            self.lag_seconds.labels(partition).set(max(0.0, (now - waits).total_seconds()))


class Looking:
    """Looks at log and database now and then."""

    def __init__(
        self,
        client: Client,
        pool: asyncpg.Pool,
        metrics: StandMetrics,
        holds: Callable[[], None],
        ends: Callable[[int], None] = lambda _: None,
        every: float = LOOK_SECONDS,
        reaches: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self._client = client
        self._pool = pool
        self._metrics = metrics
        self._holds = holds
        self._ends = ends
        self._every = every
        self._reaches = reaches

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        outage = Outage(log, "can't see how far the projection is")
        while True:
            try:
                self._holds()
                async with asyncio.timeout(_PATIENCE):
                    await self.look()
                outage.end()
            except _PASSING as error:
                outage.fail(error)
            except Exception:
                # Readiness and metrics would stay as they are for ever if this loop ended.
                log.exception("can't see how far the projection is")
            await asyncio.sleep(self._every)

    async def look(self, now: datetime | None = None) -> None:
        """Look once; lag is by the broker's clock, as its messages are, unless a time is given."""
        # Both, whatever becomes of the other. The database first: what a batch commits between the
        # two would look like a log that was rolled back.
        reading = asyncio.create_task(self._read())
        try:
            info, broker_now = await self._look_at_log(reading)
            last = info.state.last_seq
            reached = await reading
        finally:
            await end_tasks([reading])
        self._reaches(last, min(reached.values()))
        late = {stream_seq for stream_seq in reached.values() if stream_seq < last}
        self._metrics.behind(reached, last, await self._sent_after(late), now or broker_now)
        self._metrics.looked.beat()

    async def _read(self) -> dict[int, int]:
        async with self._pool.acquire() as session:
            reached = await Projections(session).checkpoints(await serving_schema(session))
            self._metrics.database.beat()
            self._metrics.database_bytes.set(await database_bytes(session))
        return reached

    async def _look_at_log(
        self, reading: asyncio.Task[dict[int, int]]
    ) -> tuple[StreamInfo, datetime]:
        # A database that does not answer must not keep the log's end from sight.
        await asyncio.wait([reading], timeout=_FIRST_SECONDS)
        info, broker_now = await describe_stream(self._client, STREAM_RECORD)
        if has_quorum(info):
            self._metrics.broker.beat()
        self._metrics.log(info)
        self._ends(info.state.last_seq)
        return info, broker_now

    async def _sent_after(self, checkpoints: Iterable[int]) -> dict[int, datetime]:
        """When the first message behind each of these was sent, where there still is one."""
        found = {}
        for stream_seq in checkpoints:
            message = await read_message(
                self._client, STREAM_RECORD, stream_seq + 1, following=True
            )
            if message is not None:
                found[stream_seq] = message.recorded_at
        return found


@asynccontextmanager
async def looking(looks: Looking) -> AsyncIterator[None]:
    """Look for as long as the block lasts."""
    task = asyncio.create_task(looks.run(), name="standing")
    try:
        yield
    finally:
        await end_tasks([task])
