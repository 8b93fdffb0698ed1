"""The navigator's process: the one place that reads its settings and wires its parts."""

import asyncio
import contextlib
import gc
import secrets
import signal
import sys
from datetime import UTC, datetime, timedelta

import structlog
import uvloop
from nats.js.errors import NotFoundError

from stratoscope.broker.connection import BrokerError, Connection, connect
from stratoscope.broker.publishing import Publisher
from stratoscope.navigator.answering import Answering
from stratoscope.navigator.comparing.comparisons import Comparisons
from stratoscope.navigator.discovery import Discovery
from stratoscope.navigator.dispatch import SERVED, Dispatch
from stratoscope.navigator.exchange.desk import AT_A_TIME, Desk
from stratoscope.navigator.exchange.exporting import Exports
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.importing import Imports
from stratoscope.navigator.exchange.reading import Readers
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.gate import Gate, gating
from stratoscope.navigator.holding.releasing import Releasing, releasing
from stratoscope.navigator.holding.telling import telling
from stratoscope.navigator.lasting import Lasting, LongRequests, lasting
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.pruning import Pruning
from stratoscope.navigator.live.seeing import Seeing, answering_replicas
from stratoscope.navigator.live.service import watching
from stratoscope.navigator.live.term import Wiring
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.replaying import Replays, replaying
from stratoscope.navigator.service import answering, listening
from stratoscope.navigator.serving import Serving, following, serving
from stratoscope.navigator.sessions.continuing import Runs
from stratoscope.navigator.settings import NavigatorSettings
from stratoscope.navigator.spill import ObjectSpills, Spills
from stratoscope.navigator.standing import looking
from stratoscope.navigator.stats import LogEnd
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.database import DATABASE_ERRORS, DatabaseUnreachable
from stratoscope.store.migration import migrate
from stratoscope.store.watermarks import Watermarks
from stratoscope.telemetry.http import Readiness, serve, service_app
from stratoscope.telemetry.logs import configure_logs
from stratoscope.telemetry.settings import read_settings
from stratoscope.telemetry.traces import Traces, tracing
from stratoscope_contracts.words import STREAM_RECORD

log = structlog.get_logger(__name__)


async def run(settings: NavigatorSettings) -> int:
    """Answer until SIGINT or SIGTERM; the process's exit code."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    migrated = await migrate(settings.postgres_dsn)
    for step in migrated.applied:
        log.info("migrated", step=step)
    async with contextlib.AsyncExitStack() as stack:
        # A closed connection can't come back: the process ends, and its supervisor starts another.
        connection = await connect(
            settings.nats_url,
            name="stratoscope-navigator",
            on_closed=stopping.set,
            login=settings.login,
        )
        stack.push_async_callback(connection.close)
        sessions = await stack.enter_async_context(
            serving(settings.postgres_dsn, migrated.serving, size=settings.navigator_pool)
        )
        waiting = Waiting(Watermarks(sessions).read)
        await stack.enter_async_context(following(sessions, waiting))
        await stack.enter_async_context(listening(connection, sessions, waiting))
        traces = await stack.enter_async_context(tracing("navigator", settings.otlp_endpoint))
        metrics = Metrics(sorted(SERVED), traces)
        await _answer(stack, settings, connection, sessions, waiting, metrics, traces)
        app = service_app(_readiness(connection, sessions), metrics.registry)
        port = await stack.enter_async_context(serve(app, settings.http_host, settings.http_port))
        log.info("answering", http=f"http://{settings.http_host}:{port}")
        await stopping.wait()
        waiting.give_up()
        return 1 if connection.closed.is_set() else 0


async def _answer(
    stack: contextlib.AsyncExitStack,
    settings: NavigatorSettings,
    connection: Connection,
    sessions: Serving,
    waiting: Waiting,
    metrics: Metrics,
    traces: Traces | None,
) -> None:
    """Answer requests as long as the stack lasts."""
    expressions = await stack.enter_async_context(
        Expressions(settings.navigator_expression_workers)
    )
    comparisons = await stack.enter_async_context(
        Comparisons(settings.navigator_comparison_workers)
    )
    tell = telling(connection.client)
    seeing = await _watch(stack, settings, connection, sessions, waiting, metrics, traces)
    dispatch = Dispatch(
        sessions,
        waiting,
        _log_end(connection),
        expressions,
        settings.navigator_request_seconds,
        comparisons=comparisons,
        tell=tell,
        known=seeing.known,
        breakpoint_quota=settings.quota.breakpoints,
        rebuilt=metrics.rebuilt,
    )
    spills = ObjectSpills(connection.jetstream)
    answers = Answering(dispatch, spills, metrics, connection.message_limit)
    discovery = Discovery(secrets.token_hex(11), datetime.now(UTC), metrics.tallies)
    gate = Gate(sessions, seeing, metrics.holds)
    releases = Releasing(sessions, tell, metrics.holds, timedelta(seconds=settings.max_hold))
    await stack.enter_async_context(looking(sessions, metrics))
    await stack.enter_async_context(gating(connection.client, gate))
    await stack.enter_async_context(releasing(releases))
    replays = Replays(connection.client, dispatch, spills, metrics, connection.message_limit)
    await stack.enter_async_context(replaying(connection.client, replays))
    readers = await stack.enter_async_context(Readers(AT_A_TIME))
    long = _long_requests(settings, connection, dispatch, readers, spills, metrics)
    await stack.enter_async_context(lasting(connection.client, long))
    await stack.enter_async_context(
        answering(
            connection,
            answers,
            replays,
            discovery,
            workers=settings.navigator_workers,
            lasting=long,
        )
    )


def _long_requests(
    settings: NavigatorSettings,
    connection: Connection,
    dispatch: Dispatch,
    readers: Readers,
    spills: Spills,
    metrics: Metrics,
) -> LongRequests:
    """What answers the verbs that may last."""
    desk = Desk(connection, dispatch, readers, Bounds(all_bytes=settings.navigator_import_bytes))
    answers: dict[str, Lasting] = {
        "session.continue": Runs(dispatch),
        "session.export": Exports(desk),
        "session.import": Imports(desk),
    }
    limit = connection.message_limit
    return LongRequests(connection.client, dispatch, answers, spills, metrics, limit)


async def _watch(
    stack: contextlib.AsyncExitStack,
    settings: NavigatorSettings,
    connection: Connection,
    sessions: Serving,
    waiting: Waiting,
    metrics: Metrics,
    traces: Traces | None,
) -> Seeing:
    """Watch for breakpoints as long as the stack lasts; who says what they have seen."""
    # Workers of their own: no breakpoint waits for a search that somebody asked for.
    expressions = await stack.enter_async_context(
        Expressions(settings.navigator_expression_workers)
    )
    tell = telling(connection.client)
    outbox = Outbox(Publisher(connection), connection.jetstream, sessions, tell)
    wiring = Wiring(
        *(connection.client, sessions, expressions, outbox, metrics.live),
        projected=waiting.heard,
        traces=traces,
    )
    kept = settings.retention
    pruning = Pruning(sessions, metrics.live, age=kept.max_hit_age, every=kept.cleanup_interval)
    watched = await stack.enter_async_context(watching(settings.postgres_dsn, wiring, pruning))
    seeing = Seeing(connection.client, sessions, waiting, watched)
    await stack.enter_async_context(answering_replicas(seeing))
    return seeing


def _log_end(connection: Connection) -> LogEnd:
    async def log_end() -> int:
        try:
            info = await connection.jetstream.stream_info(STREAM_RECORD)
        except NotFoundError:
            return 0
        return info.state.last_seq

    return log_end


def _readiness(connection: Connection, sessions: Serving) -> Readiness:
    async def ready() -> dict[str, bool]:
        return {"broker": connection.connected.is_set(), "database": await _answers(sessions)}

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
    try:
        code = uvloop.run(run(settings))
    except (BrokerError, DatabaseUnreachable, OSError) as error:
        log.error("can't start", error=str(error))
        code = 1
    sys.exit(code)
