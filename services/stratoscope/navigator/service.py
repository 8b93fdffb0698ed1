"""The navigator on NATS: a queue group that answers every verb of every space."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, cast

from faststream.nats import NatsBroker, NatsMessage, NatsResponse
from faststream.nats.subscriber.usecases import ConcurrentCoreSubscriber, LogicSubscriber
from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope.broker.connection import Connection
from stratoscope.broker.feed import PROJECTED, decode
from stratoscope.navigator.answering import Answering, Outgoing, verb_in
from stratoscope.navigator.asker import heard
from stratoscope.navigator.discovery import Discovery
from stratoscope.navigator.dispatch import REPLAY
from stratoscope.navigator.lasting import LongRequests
from stratoscope.navigator.replaying import Replays
from stratoscope.navigator.reply_guard import ReplyGuard
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.waiting import Waiting
from stratoscope.telemetry.parents import arrived
from stratoscope_contracts.subjects import ROOT
from stratoscope_contracts.words import NAVIGATOR_QUEUE

_REQUESTS: Final = f"{ROOT}.*.nav.>"
_JSON: Final = {"content-type": "application/json"}
# Less than a supervisor waits before it kills.
_FINISH_SECONDS: Final = 3.0


class ConnectedBroker(NatsBroker):
    """FastStream over a connection of ours.

    Its own raises inside nats-py's error callback where a reconnect is refused, which ends the
    read loop and leaves a process that looks alive and hears nothing.
    """

    def __init__(self, connection: Connection, **options: Any) -> None:
        super().__init__(**options)
        self._ours = connection

    async def _connect(self) -> Client:
        self.config.connect(self._ours.client)
        return self._ours.client

    async def stop(self, *_: object) -> None:
        """Stop the subscribers; the connection is ended by who made it."""
        self._connection = None
        if self._ours.closed.is_set():
            for subscriber in self.subscribers:
                cast(LogicSubscriber[Any], subscriber).subscription = None
        await super().stop()


@asynccontextmanager
async def answering(
    connection: Connection,
    answers: Answering,
    replays: Replays,
    discovery: Discovery,
    guard: ReplyGuard,
    *,
    workers: int,
    lasting: LongRequests | None = None,
) -> AsyncIterator[None]:
    """Answer requests; at the end those that were taken over are answered first."""
    broker = _broker(connection)
    requests = broker.subscriber(_REQUESTS, queue=NAVIGATOR_QUEUE, max_workers=workers)

    @requests
    async def answer_request(message: NatsMessage) -> NatsResponse | None:
        raw = message.raw_message
        if not guard.accepts_request(raw.subject, raw.reply):
            message.reply_to = ""
            return None
        heard(raw.headers)
        arrived(raw.headers)
        if (reply := await _reply(raw, answers, replays, lasting)) is None:
            message.reply_to = ""
            return None
        return NatsResponse(reply.body, headers=_JSON | reply.headers)

    for subject in discovery.subjects:

        @broker.subscriber(subject)
        async def answer_discovery(message: NatsMessage) -> NatsResponse | None:
            raw = message.raw_message
            if not guard.accepts_discovery(raw.subject, raw.reply):
                message.reply_to = ""
                return None
            return NatsResponse(discovery.answer(raw.subject), headers=_JSON)

    await broker.start()
    # Whoever is told that this replica is ready may ask it at once.
    await connection.client.flush()
    try:
        yield
    finally:
        if connection.connected.is_set():
            await _finish(requests)
        await broker.stop()


def _broker(connection: Connection) -> ConnectedBroker:
    return ConnectedBroker(
        connection,
        # Requests are bytes here, and every line of the log is ours but for what fails.
        apply_types=False,
        decoder=_undecoded,
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
        graceful_timeout=1.0,
    )


async def _reply(
    raw: Msg, answers: Answering, replays: Replays, lasting: LongRequests | None
) -> Outgoing | None:
    """The reply; None where a task of its own replies, or nobody waits for one."""
    if verb_in(raw.subject) == REPLAY:
        replays.begin(raw)
    elif lasting is not None and lasting.takes(raw.subject):
        lasting.begin(raw)
    else:
        return await answers.reply(raw.subject, raw.data)
    return None


@asynccontextmanager
async def listening(
    connection: Connection, serving: Serving, waiting: Waiting
) -> AsyncIterator[None]:
    """Hear of what is projected; of another projection than ours only once that serves."""

    async def hear(message: Msg) -> None:
        said = decode(message.data)
        if said is None:
            return
        if said.schema == serving.schema:
            waiting.heard(said.partitions, said.stream_seq)
        else:
            serving.look()

    subscription = await connection.client.subscribe(PROJECTED, cb=hear)
    try:
        yield
    finally:
        await waiting.close()
        if not connection.client.is_closed:
            await subscription.unsubscribe()


async def _undecoded(message: NatsMessage) -> NatsMessage:
    return message


async def _finish(requests: ConcurrentCoreSubscriber) -> None:
    """Take no more requests, and answer those that are here.

    FastStream stops by dropping whatever is queued, without a reply.
    """
    if requests.subscription is None:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(_FINISH_SECONDS):
            await requests.subscription.drain()  # type: ignore[no-untyped-call]  # nats-py's
            # Its workers tell nobody when they are done.
            while _busy(requests):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    requests.subscription = None


def _busy(requests: ConcurrentCoreSubscriber) -> bool:
    queued = requests.receive_stream.statistics().current_buffer_used
    return queued > 0 or requests.limiter.value < requests.max_workers
