"""The navigator's process: the one place that reads its settings and wires its parts."""

import asyncio
import contextlib
import gc
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
import uvloop
from nats.js.errors import NotFoundError

from stratoscope.broker.connection import BrokerError, Connection, connect
from stratoscope.broker.objects import BucketLimits
from stratoscope.broker.publishing import Publisher
from stratoscope.broker.store_probe import NOT_STORED, UNSTORED_SECONDS, StoreProbe, probing
from stratoscope.navigator.answering import Answering
from stratoscope.navigator.comparing.comparisons import Comparisons
from stratoscope.navigator.discovery import Discovery
from stratoscope.navigator.dispatch import SERVED, Dispatch
from stratoscope.navigator.exchange.desk import AT_A_TIME, Desk
from stratoscope.navigator.exchange.exporting import Exports
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.import_folder import ImportFolder
from stratoscope.navigator.exchange.importing import Imports
from stratoscope.navigator.exchange.reading import Readers
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.gate import Gate, gating
from stratoscope.navigator.holding.releasing import Releasing, releasing
from stratoscope.navigator.holding.telling import Tell, telling
from stratoscope.navigator.lasting import Lasting, LongRequests, lasting
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.pruning import Pruning
from stratoscope.navigator.live.seeing import Seeing, answering_replicas
from stratoscope.navigator.live.service import Watching, watching
from stratoscope.navigator.live.term import Wiring
from stratoscope.navigator.log_watch import SILENCE_SECONDS, LogWatch, log_watching
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.objects import Objects, sweeping_uploads
from stratoscope.navigator.replaying import Replays, replaying
from stratoscope.navigator.reply_guard import ReplyGuard, extra_prefixes
from stratoscope.navigator.service import answering, listening
from stratoscope.navigator.serving import Serving, following, serving
from stratoscope.navigator.sessions.continuing import Runs
from stratoscope.navigator.settings import NavigatorSettings
from stratoscope.navigator.shares import Admission, Shares
from stratoscope.navigator.space_directory import SPACES_KEPT, SpaceDirectory
from stratoscope.navigator.spill import ObjectSpills
from stratoscope.navigator.standing import looking
from stratoscope.navigator.stats import LogEnd
from stratoscope.navigator.sweeper import Sweeper, sweeping
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.database import DATABASE_ERRORS, DatabaseUnreachable, log_lost_sessions
from stratoscope.store.migration import migrate
from stratoscope.store.space_names import SpaceNames
from stratoscope.store.watermarks import Watermarks
from stratoscope.telemetry.allocator import bound_the_allocator
from stratoscope.telemetry.http import Readiness, serve, service_app
from stratoscope.telemetry.logs import configure_logs
from stratoscope.telemetry.settings import read_settings
from stratoscope.telemetry.traces import Traces, tracing
from stratoscope_contracts.words import EXPORTS_KEPT_SECONDS, SPILL_KEPT_SECONDS, STREAM_RECORD

log = structlog.get_logger(__name__)
_NO_BROKER = "no connection to the broker: see that it runs and that STRATO_NATS_URL names it"
_SILENT_BROKER = (
    "JetStream has had no quorum, or no answer, for {:.0f} s: nothing can be recorded. See that a"
    " majority of the brokers runs and reaches"
    " each other (`nats server report jetstream`)"
)
_NO_DATABASE = "Postgres does not answer: see that it runs and that STRATO_POSTGRES_DSN names it"
_OTHER_LOG = (
    "requests that wait for a message are refused until the log is restored, or after"
    " `stratoscope rebuild --force-swap`"
)
_BLIND = (
    "breakpoints have not been watched here for {:.0f} s: other navigators take them over; the log"
    " of this one says why"
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What all that answers and watches works with, as long as the stack lasts."""

    stack: contextlib.AsyncExitStack
    settings: NavigatorSettings
    connection: Connection
    sessions: Serving
    waiting: Waiting
    metrics: Metrics
    traces: Traces | None
    tell: Tell
    guard: ReplyGuard
    shares: Shares


async def run(settings: NavigatorSettings) -> int:
    """Answer until SIGINT or SIGTERM; the process's exit code."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    log_lost_sessions()
    migrated = await migrate(settings.postgres_dsn)
    for step in migrated.applied:
        log.info("migrated", step=step)
    async with contextlib.AsyncExitStack() as stack:
        parts = await _parts(stack, settings, migrated.serving, stopping.set)
        seeing, watched = await _watch(parts)
        dispatch = await _dispatch(parts, seeing)
        await _hold(parts, seeing)
        # Entered last, ended first: what has come by then is answered.
        await _answer(parts, dispatch)
        log_watch = await stack.enter_async_context(
            log_watching(LogWatch(parts.connection.client, parts.sessions, parts.waiting))
        )
        probe = await stack.enter_async_context(probing(StoreProbe(parts.connection.client)))
        app = service_app(_readiness(parts, log_watch, watched, probe), parts.metrics.registry)
        port = await stack.enter_async_context(serve(app, settings.http_host, settings.http_port))
        log.info("answering", http=f"http://{settings.http_host}:{port}")
        await stopping.wait()
        parts.waiting.give_up()
        return 1 if parts.connection.closed.is_set() else 0


async def _parts(
    stack: contextlib.AsyncExitStack,
    settings: NavigatorSettings,
    schema: str,
    stop: Callable[[], None],
) -> Parts:
    # A closed connection can't come back: the process ends, and its supervisor starts another.
    connection = await connect(
        settings.nats_url,
        name="stratoscope-navigator",
        on_closed=stop,
        login=settings.login,
    )
    stack.push_async_callback(connection.close)
    sessions = await stack.enter_async_context(
        serving(
            *(settings.postgres_dsn, schema),
            size=settings.navigator_pool,
            deadline=settings.postgres_deadline_seconds,
        )
    )
    waiting = Waiting(Watermarks(sessions).read)
    await stack.enter_async_context(following(sessions, waiting))
    await stack.enter_async_context(listening(connection, sessions, waiting))
    traces = await stack.enter_async_context(tracing("navigator", settings.otlp_endpoint))
    metrics = Metrics(sorted(SERVED), traces)
    tell = telling(connection.client)
    guard = _guard(settings, metrics)
    directory = SpaceDirectory(SpaceNames(sessions, SPACES_KEPT).read)
    shares = Shares(settings.navigator_pool, metrics.shares, directory)
    return Parts(
        *(stack, settings, connection, sessions, waiting, metrics, traces, tell, guard, shares)
    )


def _guard(settings: NavigatorSettings, metrics: Metrics) -> ReplyGuard:
    own = str(settings.login.options()["inbox_prefix"])
    extra = extra_prefixes(settings.navigator_reply_prefixes, own)
    log.info("reply subjects are checked", besides_roles=",".join(extra) or "none")
    return ReplyGuard(extra, metrics.refused)


async def _watch(parts: Parts) -> tuple[Seeing, Watching]:
    """Watch for breakpoints; who says what they have seen, and who watches."""
    client, metrics, kept = parts.connection.client, parts.metrics, parts.settings.retention
    # Workers of their own: no breakpoint waits for a search that somebody asked for.
    expressions = await parts.stack.enter_async_context(
        Expressions(parts.settings.navigator_expression_workers)
    )
    publisher = Publisher(parts.connection)
    outbox = Outbox(publisher, client, parts.sessions, parts.tell)
    wiring = Wiring(
        *(client, parts.sessions, expressions, outbox, metrics.live),
        projected=parts.waiting.heard,
        traces=parts.traces,
    )
    pruning = Pruning(
        parts.sessions, metrics.live, age=kept.max_hit_age, every=kept.cleanup_interval
    )
    watched = await parts.stack.enter_async_context(
        watching(
            *(parts.settings.postgres_dsn, wiring, pruning),
            deadline=parts.settings.postgres_deadline_seconds,
        )
    )
    seeing = Seeing(client, parts.sessions, parts.waiting, watched)
    await parts.stack.enter_async_context(answering_replicas(seeing, parts.guard))
    return seeing, watched


async def _dispatch(parts: Parts, seeing: Seeing) -> Dispatch:
    """From a verb to who does it."""
    settings, workers = parts.settings, parts.shares.workers
    count = settings.navigator_expression_workers
    expressions = await parts.stack.enter_async_context(
        Expressions(count, workers("expressions", count))
    )
    count = settings.navigator_comparison_workers
    comparisons = await parts.stack.enter_async_context(
        Comparisons(count, workers("comparisons", count))
    )
    # An upload that the bucket can't hold is refused at its first chunk beyond it.
    most = min(settings.navigator_import_bytes, settings.navigator_exports_bytes)
    objects = Objects(parts.connection, _exports(settings), most)
    await parts.stack.enter_async_context(sweeping_uploads(objects))
    return Dispatch(
        parts.sessions,
        parts.waiting,
        _log_end(parts.connection),
        expressions,
        settings.navigator_request_seconds,
        shares=parts.shares,
        comparisons=comparisons,
        tell=parts.tell,
        known=seeing.known,
        quota=settings.quota.of_spaces,
        rebuilt=parts.metrics.rebuilt,
        objects=objects,
    )


async def _hold(parts: Parts, seeing: Seeing) -> None:
    """Hold live agents at their gates, and let them go."""
    sessions, holds = parts.sessions, parts.metrics.holds
    releases = Releasing(sessions, parts.tell, holds, timedelta(seconds=parts.settings.max_hold))
    enter = parts.stack.enter_async_context
    await enter(looking(sessions, parts.metrics))
    gate = Gate(sessions, seeing, holds, parts.shares)
    await enter(gating(parts.connection.client, gate, parts.guard))
    await enter(releasing(releases))
    kept = parts.settings.retention
    sweeper = Sweeper(
        sessions,
        parts.metrics.sweeps,
        kept.max_session_age,
        kept.max_audit_age,
        kept.cleanup_interval,
    )
    await enter(sweeping(sweeper))


async def _answer(parts: Parts, dispatch: Dispatch) -> None:
    """Answer requests, those that last and replays beside them."""
    connection, metrics, enter = parts.connection, parts.metrics, parts.stack.enter_async_context
    limit, guard = connection.message_limit, parts.guard
    settings = parts.settings
    spills = ObjectSpills(
        connection, BucketLimits(SPILL_KEPT_SECONDS, settings.navigator_spill_bytes)
    )
    replays = Replays(connection.client, dispatch, spills, metrics, limit, guard)
    await enter(replaying(replays))
    readers = await enter(Readers(AT_A_TIME))
    bounds = Bounds(all_bytes=settings.navigator_import_bytes)
    folder = ImportFolder.checked(settings.navigator_import_folder, bounds.all_bytes)
    desk = Desk(connection, dispatch, readers, _exports(settings), folder, bounds)
    verbs: dict[str, Lasting] = {
        "session.continue": Runs(dispatch),
        "session.export": Exports(desk),
        "session.import": Imports(desk),
    }
    long = LongRequests(connection.client, dispatch, verbs, spills, metrics, limit, guard)
    await enter(lasting(long))
    await enter(
        answering(
            connection,
            Answering(dispatch, spills, metrics, limit, parts.shares.documents),
            replays,
            Discovery(secrets.token_hex(11), datetime.now(UTC), metrics.tallies),
            guard,
            Admission(
                parts.settings.navigator_client_requests,
                parts.settings.navigator_workers,
                metrics.shares,
            ),
            lasting=long,
            loop=parts.shares.loop,
            directory=parts.shares.directory,
        )
    )


def _exports(settings: NavigatorSettings) -> BucketLimits:
    return BucketLimits(EXPORTS_KEPT_SECONDS, settings.navigator_exports_bytes)


def _log_end(connection: Connection) -> LogEnd:
    async def log_end() -> int:
        try:
            info = await connection.jetstream.stream_info(STREAM_RECORD)
        except NotFoundError:
            return 0
        return info.state.last_seq

    return log_end


def _readiness(
    parts: Parts, log_watch: LogWatch, watching: Watching, probe: StoreProbe
) -> Readiness:
    """What has to hold, each with what to do where it does not."""

    async def ready() -> dict[str, bool | str]:
        connected, broker = parts.connection.connected.is_set(), log_watch.broker
        difference, blind = log_watch.difference, watching.seconds_without
        return {
            "broker": (not broker.is_silent or _SILENT_BROKER.format(broker.seconds))
            if connected
            else _NO_BROKER,
            "storing": probe.seconds <= UNSTORED_SECONDS or NOT_STORED.format(probe.seconds),
            "database": await _answers(parts.sessions) or _NO_DATABASE,
            "log": difference is None or f"{difference}: {_OTHER_LOG}",
            "watching": blind <= SILENCE_SECONDS or _BLIND.format(blind),
        }

    return ready


async def _answers(sessions: Serving) -> bool:
    try:
        async with asyncio.timeout(2):
            return bool(await sessions.fetchval("select true"))
    except DATABASE_ERRORS:
        return False


def calm_the_collector() -> None:
    """Set Python's collector to how breakpoints and replies use memory."""
    # Ten thousand breakpoints are a million objects that live for long: looking through them again
    # and again would cost a third of what can be watched, and a fifth of a large reply's time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def main() -> None:
    """Run the process; ends it with an exit code."""
    settings = read_settings(NavigatorSettings, "navigator")
    configure_logs("navigator", settings.log_level)
    calm_the_collector()
    bound_the_allocator()
    try:
        code = uvloop.run(run(settings))
    except (BrokerError, DatabaseUnreachable, OSError) as error:
        log.error("can't start", error=str(error))
        code = 1
    sys.exit(code)
