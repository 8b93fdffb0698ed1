"""The projector's process: the one place that reads its settings and wires its parts."""

import asyncio
import contextlib
import gc
import signal
import sys

import structlog
import uvloop
from nats.errors import Error as NatsError

from stratoscope.broker.connection import BrokerError, Connection, connect
from stratoscope.broker.store_probe import (
    NOT_STORED,
    UNSTORED_SECONDS,
    StoreProbe,
    ensure_probe_stream,
    probing,
)
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.projector.feeding import listening
from stratoscope.projector.following import Serving
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.progress import ProgressWatch
from stratoscope.projector.service import Projector
from stratoscope.projector.settings import ProjectorSettings
from stratoscope.projector.standing import (
    LOOK_SECONDS,
    SILENCE_SECONDS,
    Looking,
    StandMetrics,
    looking,
)
from stratoscope.projector.term import Wiring
from stratoscope.store.database import (
    OPERATIONS,
    DatabaseUnreachable,
    log_lost_sessions,
    pool,
)
from stratoscope.store.intake import Checkpoints
from stratoscope.store.migration import migrate
from stratoscope.telemetry.allocator import bound_the_allocator
from stratoscope.telemetry.http import Readiness, serve, service_app
from stratoscope.telemetry.logs import configure_logs
from stratoscope.telemetry.pulse import Pulse
from stratoscope.telemetry.settings import read_settings
from stratoscope.telemetry.traces import tracing

log = structlog.get_logger(__name__)

# For the dead letters' outbox, to see which projection serves, and how far it is.
_POOL = 3
_SILENT_BROKER = (
    "JetStream has had no quorum, or no answer, for {:.0f} s: nothing can be recorded. See that a"
    " majority of the brokers runs and reaches"
    " each other (`nats server report jetstream`), and that this role may ask for the log"
)
_SILENT_DATABASE = (
    "Postgres has not answered for {:.0f} s: see that it runs, that STRATO_POSTGRES_DSN names it,"
    " and that nothing locks its table `partition` (pg_stat_activity)"
)
_NO_BROKER = "no connection to the broker: see that it runs and that STRATO_NATS_URL names it"
_HALTED = "nothing is projected until the log is restored, or after `stratoscope rebuild`"
_NO_LEASES = (
    "holds no partition: other projectors hold them all, or a new start is due, of which the log"
    " tells"
)


async def run(settings: ProjectorSettings, reached: Checkpoints | None = None) -> int:
    """Project until SIGINT or SIGTERM; the process's exit code."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    log_lost_sessions()
    migrated = await migrate(settings.postgres_dsn)
    for step in migrated.applied:
        log.info("migrated", step=step)
    async with contextlib.AsyncExitStack() as stack:
        traces = await stack.enter_async_context(tracing("projector", settings.otlp_endpoint))
        # A closed connection can't come back: the process ends, and its supervisor starts another.
        broker = await connect(
            settings.nats_url,
            name="stratoscope-projector",
            on_closed=stopping.set,
            login=settings.login,
        )
        stack.push_async_callback(broker.close)
        await _prepare_streams(broker, settings)
        sessions = await stack.enter_async_context(
            pool(
                *(settings.postgres_dsn, OPERATIONS, "stratoscope projector"),
                size=_POOL,
                deadline=settings.postgres_deadline_seconds,
            )
        )
        metrics = Metrics(min(SILENCE_SECONDS, 2 * settings.stall_seconds))
        wiring = Wiring(
            *(settings, Serving(sessions), broker, sessions, metrics, stopping, reached),
            traces=traces,
        )
        await stack.enter_async_context(listening(broker.client, wiring.interest))
        projector = Projector(wiring)
        progress = ProgressWatch(settings.stall_seconds)
        metrics.standing.without_progress.set_function(lambda: progress.seconds)
        probe = await stack.enter_async_context(probing(StoreProbe(broker.client)))
        metrics.standing.without_storing.set_function(lambda: probe.seconds)
        looks = Looking(
            broker.client,
            sessions,
            metrics.standing,
            holds=lambda: metrics.holds(projector.holding),
            ends=lambda last_seq: progress.look(last_seq, projector.held),
            every=min(LOOK_SECONDS, settings.stall_seconds / 4),
            reaches=lambda last, least: progress.look_at_others(last, projector.held, least),
        )
        await stack.enter_async_context(looking(looks))

        ready = _readiness(broker, projector, progress, metrics.standing, probe)
        port = await stack.enter_async_context(
            serve(service_app(ready, metrics.registry), settings.http_host, settings.http_port)
        )
        log.info("projecting", http=f"http://{settings.http_host}:{port}")
        await projector.run()
        return 1 if broker.closed.is_set() else 0


def _readiness(
    broker: Connection,
    projector: Projector,
    progress: ProgressWatch,
    standing: StandMetrics,
    probe: StoreProbe,
) -> Readiness:
    """What has to hold, each with what to do where it does not."""

    def ready() -> dict[str, bool | str]:
        trouble = f". The last attempt ended in {one}" if (one := projector.trouble) else ""
        return {
            "broker": _answers(standing.broker, _SILENT_BROKER)
            if broker.connected.is_set()
            else _NO_BROKER,
            "storing": probe.seconds <= UNSTORED_SECONDS or NOT_STORED.format(probe.seconds),
            "database": _answers(standing.database, _SILENT_DATABASE),
            "running": projector.halted is None or f"{projector.halted}: {_HALTED}",
            "leases": projector.holding > 0 or _NO_LEASES + trouble,
            "progress": not progress.is_stuck or progress.describe() + trouble,
        }

    return ready


def _answers(pulse: Pulse, otherwise: str) -> bool | str:
    return not pulse.is_silent or otherwise.format(pulse.seconds)


async def _prepare_streams(broker: Connection, settings: ProjectorSettings) -> None:
    wanted = StreamSettings(
        max_bytes=settings.stream_max_bytes,
        max_age=settings.stream_max_age,
        replicas=settings.stream_replicas,
    )
    report = await ensure_streams(broker.jetstream, wanted)
    try:
        await ensure_probe_stream(broker.jetstream, settings.stream_replicas)
    except (NatsError, TimeoutError) as error:
        # Records are taken without it. Users from before it may not make it.
        log.warning("whether the broker stores messages is not probed", error=str(error))
    for name in report.made:
        log.info("made a stream", stream=name)
    for warning in report.warnings:
        log.warning("a stream is not as configured and was left as it is", difference=warning)


def calm_the_collector() -> None:
    """Set Python's collector to how intake uses memory."""
    # A batch is tens of thousands of live objects without cycles: looking through them again and
    # again costs an eighth of the throughput and frees nothing.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def main(reached: Checkpoints | None = None) -> None:
    """Run the process; ends it with an exit code."""
    settings = read_settings(ProjectorSettings, "projector")
    configure_logs("projector", settings.log_level)
    calm_the_collector()
    bound_the_allocator()
    try:
        code = uvloop.run(run(settings, reached))
    except (BrokerError, DatabaseUnreachable, OSError) as error:
        log.error("can't start", error=str(error))
        code = 1
    sys.exit(code)
