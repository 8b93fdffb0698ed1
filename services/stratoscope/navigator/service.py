"""The navigator on NATS: a queue group that answers every verb of every space."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic
from typing import Any, Final, cast

from faststream.nats import NatsBroker, NatsMessage, NatsResponse
from faststream.nats.subscriber.usecases import LogicSubscriber
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from stratoscope.broker.connection import Connection
from stratoscope.broker.ending import end_tasks
from stratoscope.broker.feed import PROJECTED, decode
from stratoscope.broker.protocol import RobustClient, send
from stratoscope.domain.rates import Rates
from stratoscope.navigator.answering import Answering, Outgoing, verb_in
from stratoscope.navigator.asker import heard
from stratoscope.navigator.discovery import Discovery
from stratoscope.navigator.dispatch import REPLAY
from stratoscope.navigator.flood_cutoff import cutting_off
from stratoscope.navigator.lasting import LongRequests
from stratoscope.navigator.loop_share import LoopShare
from stratoscope.navigator.refusals import Refusals
from stratoscope.navigator.replaying import Replays
from stratoscope.navigator.reply_guard import ReplyGuard
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.shares import Admission, client_of, set_space, size_of
from stratoscope.navigator.space_directory import SpaceDirectory
from stratoscope.navigator.waiting import Waiting
from stratoscope.telemetry.parents import arrived
from stratoscope_contracts.errors import Code, OverBudget
from stratoscope_contracts.subjects import ROOT
from stratoscope_contracts.words import NAVIGATOR_QUEUE

_REQUESTS: Final = f"{ROOT}.*.nav.>"
_JSON: Final = {"content-type": "application/json"}
# Less than a supervisor waits before it kills.
_FINISH_SECONDS: Final = 3.0
_CANCEL: Final = "cancel"
# Of a client and of all together: NATS services are asked by tools, once in a while.
_DISCOVERY_A_SECOND: Final = 50
_DISCOVERY_IN_ALL: Final = 200
_ALL: Final = ""


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


class Requests:
    """The requests that this replica answers, each in a task of its own.

    They are admitted as they arrive, before anything waits for anything: what is over the limit of
    its client or space is refused at once.
    """

    def __init__(
        self,
        client: Client,
        answers: Answering,
        replays: Replays,
        guard: ReplyGuard,
        admission: Admission,
        lasting: LongRequests | None,
        loop: LoopShare,
    ) -> None:
        self._client = client
        self._answers = answers
        self._replays = replays
        self._guard = guard
        self._admission = admission
        self._lasting = lasting
        self._loop = loop
        self._running: set[asyncio.Task[None]] = set()
        self._refusals = Refusals(admission)

    def lets_pass(self, subject: str, reply: str, _: int) -> bool:
        """Whether a message is heard: a flood is refused here, before its headers are read."""
        if not self._guard.accepts_request(subject, reply):
            return False
        parts = subject.split(".", 4)
        if len(parts) > 3 and parts[3] == _CANCEL:
            # Heard by what runs requests that can be cancelled.
            return False
        full = self._admission.full(parts[1], client_of(reply))
        if full is None:
            return True
        self._admission.count(full)
        self._answers.count_refusal(subject, Code.OVER_BUDGET)
        cast(RobustClient, self._client).send_prepared(reply, self._refusals.of(full))
        return False

    async def hear(self, raw: Msg) -> None:
        """Admit a request and start its task, or refuse it."""
        if not self._guard.accepts_request(raw.subject, raw.reply):
            return
        space = raw.subject.split(".", 2)[1]
        try:
            end = self._admission.admit(space, client_of(raw.reply), size_of(raw))
        except OverBudget as over:
            self._answers.count_refusal(raw.subject, over.code)
            with suppress(NatsError):
                await send(self._client, raw.reply, self._refusals.of(over.details["limit"]))
            return
        task = None
        try:
            # A task has a copy of what is set here.
            heard(raw.headers)
            arrived(raw.headers)
            set_space(space)
            task = self._start(space, raw)
        finally:
            # Without a task nothing else ends what was admitted.
            if task is None:
                end()
        if task is None:
            return
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: end())

    async def finish(self) -> None:
        """Return once those that are running are answered, or after a while."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_FINISH_SECONDS)
            await end_tasks(late)

    def _start(self, space: str, raw: Msg) -> asyncio.Task[None] | None:
        if verb_in(raw.subject) == REPLAY:
            return self._replays.begin(raw)
        if self._lasting is not None and self._lasting.takes(raw.subject):
            return self._lasting.begin(raw)
        return self._loop.start(space, self._answer(raw), "request")

    async def _answer(self, raw: Msg) -> None:
        reply = await self._answers.reply(raw.subject, raw.data)
        if reply is not None:
            await self._send(raw.reply, reply)

    async def _send(self, subject: str, reply: Outgoing) -> None:
        # Without a broker no reply can be sent.
        with suppress(NatsError):
            await self._client.publish(subject, reply.body, headers=_JSON | reply.headers)


@asynccontextmanager
async def answering(
    connection: Connection,
    answers: Answering,
    replays: Replays,
    discovery: Discovery,
    guard: ReplyGuard,
    admission: Admission,
    *,
    lasting: LongRequests | None = None,
    loop: LoopShare | None = None,
    directory: SpaceDirectory | None = None,
) -> AsyncIterator[None]:
    """Answer requests; at the end those that were taken over are answered first."""
    client = connection.client
    loop = loop or LoopShare()
    requests = Requests(client, answers, replays, guard, admission, lasting, loop)
    broker = _broker(connection)
    for subject in discovery.subjects:

        @broker.subscriber(subject)
        async def answer_discovery(message: NatsMessage) -> NatsResponse | None:
            raw = message.raw_message
            if not guard.accepts_discovery(raw.subject, raw.reply):
                message.reply_to = ""
                return None
            return NatsResponse(discovery.answer(raw.subject), headers=_JSON)

    await broker.start()
    subscription = await client.subscribe(_REQUESTS, queue=NAVIGATOR_QUEUE, cb=requests.hear)
    directory = directory or SpaceDirectory()
    # Whoever is told that this replica is ready may ask it at once.
    await client.flush()
    try:
        async with (
            _screening_discovery(client, broker, guard, admission),
            cutting_off(client, subscription, requests.lets_pass, directory, admission.meter),
        ):
            yield
    finally:
        if connection.connected.is_set():
            with suppress(TimeoutError, NatsError):
                async with asyncio.timeout(_FINISH_SECONDS):
                    await subscription.drain()  # type: ignore[no-untyped-call]
        await requests.finish()
        await broker.stop()


@asynccontextmanager
async def _screening_discovery(
    client: Client, broker: NatsBroker, guard: ReplyGuard, admission: Admission
) -> AsyncIterator[None]:
    """Answer each client so many questions of NATS services a second; drop further ones."""
    each = Rates(_DISCOVERY_A_SECOND, _DISCOVERY_A_SECOND)
    in_all = Rates(_DISCOVERY_IN_ALL, _DISCOVERY_IN_ALL)

    def lets_pass(subject: str, reply: str, _: int) -> bool:
        if not guard.accepts_discovery(subject, reply):
            return False
        now = monotonic()
        if each.allow(client_of(reply), now) and in_all.allow(_ALL, now):
            return True
        admission.count("discovery_rate")
        return False

    async with AsyncExitStack() as stack:
        for subscriber in broker.subscribers:
            subscription = cast(LogicSubscriber[Any], subscriber).subscription
            if isinstance(subscription, Subscription):
                # Its subject has no space: it is cut off as a whole.
                none, meter = SpaceDirectory(), admission.meter
                cutoff = cutting_off(client, subscription, lets_pass, none, meter)
                await stack.enter_async_context(cutoff)
        yield


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
