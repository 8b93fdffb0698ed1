"""Reading a stream in order, from a sequence on, as fast as it comes.

A consumer without acknowledgements (the reader keeps its own checkpoint) is read by bounded
pulls, renewed as messages are taken over, so that neither side buffers without limit. The
consumer numbers what it delivers: after a gap, lost heartbeats, a reconnect or a consumer that
is gone nothing is guessed, `Doubt` is raised, and the reader opens a new puller at its checkpoint.

How far the stream was read is known from the consumer alone. Its heartbeats say up to which message
it has searched the stream, and how many messages it had delivered by then; they arrive behind those
messages. In a cluster every other answer comes from another server: the stream's leader may know
messages that the consumer's server does not have yet.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from stratoscope.broker.payload import unpacked_size

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A heartbeat tells the consumer's position at the one before: a message that is not for this reader
# is known to be passed after at most twice this time. One of two pulls beats so often.
_HEARTBEAT = 0.05
# A reader of all subjects passes no message that it is not sent, unless it was deleted.
_SLOW_HEARTBEAT = 0.5
# The consumer, its server or the way to it is gone.
_SILENCE = 5.0
_EXPIRES = 30.0
# Deleting the consumer is a courtesy: the server forgets it anyway.
_DELETED_WITHIN = 1.0
# After this long without a pull the server forgets the consumer of a reader that died.
_INACTIVE = 60.0


class Doubt(Exception):
    """The order of delivery can't be vouched for any more: start again from the checkpoint."""


@dataclass(slots=True)
class Delivered:
    """A stored message: its place in the log, the broker's time, and what it holds."""

    stream_seq: int
    recorded_at: datetime
    subject: str
    headers: dict[str, str] | None
    data: bytes
    # About how many bytes it has unpacked.
    size: int = 0
    # About what it costs a projector, once that was looked at; see `projector.backlog`.
    weight: int | None = None


class Puller:
    """One consumer of a stream from `start_seq` or a time on, for some of its subjects (none: all).

    With `headers_only` messages come without their bodies.
    """

    def __init__(
        self,
        client: Client,
        stream: str,
        *,
        start_seq: int = 1,
        since: datetime | None = None,
        subjects: Sequence[str] = (),
        headers_only: bool = False,
        batch: int = 4000,
        max_bytes: int = 32 << 20,
    ) -> None:
        self._client = client
        self._stream = stream
        self._start_seq = start_seq
        self._since = since
        self._headers_only = headers_only
        self._subjects = subjects
        self._batch = batch
        self._max_bytes = max_bytes
        self._buffer: deque[Msg] = deque()
        self._buffered_bytes = 0
        self._arrived = asyncio.Event()
        self._doubt: str | None = None
        self._asked = 0
        self._taken = 0
        # What the last heartbeat said: deliveries so far, and the message searched up to.
        self._searched = (0, 0)
        self._pulls = 0
        self._reconnects = 0
        self._now = time.monotonic
        self._heard = 0.0
        self._consumer = ""
        self._inbox = ""
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        self._reconnects = self._client.stats["reconnects"]
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(
            f"{self._inbox}.*",
            cb=self._receive,
            pending_msgs_limit=-1,
            pending_bytes_limit=-1,
        )
        info = await self._client.jetstream().add_consumer(self._stream, self._configuration())
        self._consumer = info.name
        self._heard = self._now()
        await self._renew()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._subscription is not None and not self._client.is_closed:
            jetstream = self._client.jetstream(timeout=_DELETED_WITHIN)
            try:
                await self._subscription.unsubscribe()
                await jetstream.delete_consumer(self._stream, self._consumer)
            except (NatsError, TimeoutError):
                # The server drops an idle consumer by itself.
                return

    def _configuration(self) -> ConsumerConfig:
        subjects = list(self._subjects)
        if self._since is None:
            policy, start_seq = DeliverPolicy.BY_START_SEQUENCE, self._start_seq
        else:
            policy, start_seq = DeliverPolicy.BY_START_TIME, None
        return ConsumerConfig(
            deliver_policy=policy,
            opt_start_seq=start_seq,
            opt_start_time=self._since,
            ack_policy=AckPolicy.NONE,
            headers_only=self._headers_only or None,
            filter_subjects=subjects or None,
            inactive_threshold=_INACTIVE,
            num_replicas=1,
            mem_storage=True,
            max_waiting=16,
        )

    async def take(self, limit: int, wait: float, max_bytes: int) -> list[Delivered]:
        """The next messages as soon as there is one: at most `limit`, and none past `max_bytes`.

        Bytes count as they will be unpacked: a few kilobytes can be a batch of their own. None
        come after `wait` seconds. Raises Doubt where contiguous delivery can't be vouched for.
        """
        if not self._buffer:
            await self._await_one(wait)
        self._check()
        taken: list[Delivered] = []
        size = 0
        while self._buffer and len(taken) < limit and size < max_bytes:
            message = self._accept(self._buffer.popleft())
            taken.append(message)
            self._buffered_bytes -= len(message.data)
            message.size = unpacked_size(message.data, message.headers)
            size += message.size
        await self._renew()
        return taken

    @property
    def passed(self) -> int:
        """The message up to which all messages were delivered and taken; 0 where that is unknown.

        It may lie behind what was taken since the last heartbeat.
        """
        delivered, stream_seq = self._searched
        return stream_seq if delivered == self._taken else 0

    async def _await_one(self, wait: float) -> None:
        self._arrived.clear()
        if self._buffer or self._doubt:
            return
        try:
            async with asyncio.timeout(wait):
                await self._arrived.wait()
        except TimeoutError:
            return

    def _check(self) -> None:
        if self._client.is_closed:
            raise Doubt("the connection is closed")
        if self._client.stats["reconnects"] != self._reconnects:
            raise Doubt("the connection was lost and made again")
        silence = self._now() - self._heard
        if not self._buffer and silence > _SILENCE:
            raise Doubt(f"no heartbeat for {silence:.0f} s")
        if self._doubt:
            raise Doubt(self._doubt)

    def _accept(self, msg: Msg) -> Delivered:
        # $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>,
        # with <domain>.<account> after ACK in the longer form.
        tokens = msg.reply.split(".")
        shift = 0 if len(tokens) == 9 else 2
        try:
            sequence = int(tokens[6 + shift])
        except (IndexError, ValueError):
            raise Doubt("a message came that the stream did not deliver") from None
        if sequence != self._taken + 1:
            raise Doubt(f"delivery {sequence} came where {self._taken + 1} was due")
        self._taken = sequence
        # Integers: a float of nanoseconds is off by a microsecond now and then.
        at = _EPOCH + timedelta(microseconds=int(tokens[7 + shift]) // 1000)
        return Delivered(int(tokens[5 + shift]), at, msg.subject, msg.headers, msg.data)

    async def _receive(self, msg: Msg) -> None:
        self._heard = self._now()
        if msg.reply:
            self._asked -= 1
            self._buffer.append(msg)
            self._buffered_bytes += len(msg.data)
            self._arrived.set()
        elif self._status(msg.headers or {}):
            self._arrived.set()

    def _status(self, headers: dict[str, str]) -> bool:
        """Take over what the server says of a pull; whether the reader has to know at once."""
        status, description = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":
            return self._beat(headers)
        ended = status in ("404", "408") or description in (
            "Batch Completed",
            "Message Size Exceeds MaxBytes",
        )
        if not ended:
            self._doubt = f"the server ended the pull: {status} {description}"
            return True
        # A pull that ends early says how much of it was not delivered.
        self._asked -= int(headers.get("Nats-Pending-Messages", 0))
        return True

    def _beat(self, headers: dict[str, str]) -> bool:
        """Take over the consumer's position; whether it is new."""
        delivered = int(headers.get("Nats-Last-Consumer", 0))
        received = self._taken + len(self._buffer)
        if delivered > received:
            # They were sent before the heartbeat, on the same way.
            self._doubt = f"{delivered - received} deliveries were lost on the way"
            return True
        before = self._searched
        self._searched = (delivered, int(headers.get("Nats-Last-Stream", 0)))
        return self._searched != before

    async def _renew(self) -> None:
        """Keep up to two batches on their way or waiting here, and no more while it is heavy.

        Each pull is bounded in bytes, but pulls of few large messages end early: without a look
        at what waits here they would be renewed until `batch` of the largest messages did.
        """
        while (
            self._asked + len(self._buffer) <= self._batch
            and self._buffered_bytes < self._max_bytes
        ):
            self._asked += self._batch
            self._pulls += 1
            is_slow = not self._subjects or self._pulls % 2 == 0
            await self._client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}",
                json.dumps(
                    {
                        "batch": self._batch,
                        "max_bytes": self._max_bytes,
                        "expires": int(_EXPIRES * 1e9),
                        "idle_heartbeat": int((_SLOW_HEARTBEAT if is_slow else _HEARTBEAT) * 1e9),
                    }
                ).encode(),
                reply=f"{self._inbox}.{self._pulls}",
            )
