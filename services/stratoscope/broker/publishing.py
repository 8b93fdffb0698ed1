"""Publishing into a stream until it is acknowledged.

A future of nats-py never resolves where the acknowledgement is lost, and a message over
`max_payload` passes the client's check and closes it for good. So the size is checked here, an
acknowledgement is waited for with a limit, and the message is sent again. That is harmless: records
have ids that intake knows, and messages of the other streams an id for the broker's deduplication.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from nats.errors import (
    ConnectionClosedError,
    ConnectionDrainingError,
)
from nats.errors import (
    Error as NatsError,
)
from nats.js.api import PubAck
from nats.js.errors import APIError

from stratoscope.broker.connection import BrokerError, BrokerUnreachable, Connection
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.words import HEADER_MESSAGE_ID

ACK_TIMEOUT: Final = 5.0
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
IN_FLIGHT: Final = 64

_HEADERS_FRAME: Final = len(b"NATS/1.0\r\n\r\n")
_HEADER_FRAME: Final = len(b": \r\n")
_TOO_LARGE_FOR_STREAM: Final = 10054


class MessageTooLarge(BadRequest):
    """Body and headers are over what the broker takes; nothing was sent."""


class PublishRefused(BrokerError):
    """The stream will not take this message, however often it is sent."""

    def __init__(self, message: str, err_code: int | None = None) -> None:
        super().__init__(message)
        self.err_code = err_code


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published.

    `message_id` is for the broker's deduplication, which is stream-wide: only for streams that
    one role publishes to. A message of STRATO_RECORD has none, or the id could be used first by
    an agent of another space, and the record would be acknowledged and never stored.
    """

    subject: str
    body: bytes
    message_id: str | None = None
    headers: Mapping[str, str] | None = None

    def all_headers(self) -> dict[str, str]:
        """The headers as they go out."""
        headers = dict(self.headers or {})
        if self.message_id is not None:
            headers[HEADER_MESSAGE_ID] = self.message_id
        return headers


def message_size(body: bytes, headers: Mapping[str, str] | None) -> int:
    """The bytes that the broker counts: the body, and the headers as they are framed."""
    if not headers:
        return len(body)
    framed = sum(
        len(name.encode()) + len(value.encode()) + _HEADER_FRAME for name, value in headers.items()
    )
    return len(body) + framed + _HEADERS_FRAME


def check_size(body: bytes, headers: Mapping[str, str] | None, limit: int) -> None:
    """Raise MessageTooLarge before the server cuts the connection."""
    size = message_size(body, headers)
    if size > limit:
        raise MessageTooLarge(
            f"a message of {size} bytes, headers included: at most {limit} go out",
            {"size": size, "limit": limit},
        )


class Publisher:
    """Publishes with acknowledgement, a bounded number of messages at a time."""

    def __init__(
        self,
        connection: Connection,
        *,
        in_flight: int = IN_FLIGHT,
        ack_timeout: float = ACK_TIMEOUT,
        on_retry: Callable[[str], None] | None = None,
        refusals: Collection[int] = (),
    ) -> None:
        """Take which of nats-server's errors, besides too large a message, are not tried again."""
        self._refusals = frozenset({_TOO_LARGE_FOR_STREAM, *refusals})
        self._connection = connection
        self._slots = asyncio.Semaphore(in_flight)
        self._ack_timeout = ack_timeout
        self._on_retry = on_retry

    async def begin(self, message: Outgoing) -> asyncio.Future[PubAck] | None:
        """Put a message on its way; what to give to `acknowledged`.

        It goes out with all that is begun before the caller waits for anything. None where that
        can't be now.
        """
        headers = message.all_headers()
        size = message_size(message.body, headers)
        if not self._connection.connected.is_set() or size > self._connection.message_limit:
            return None
        try:
            return await self._connection.jetstream.publish_async(
                message.subject, message.body, headers=headers
            )
        except (NatsError, OSError):
            return None

    async def acknowledged(
        self, begun: Collection[asyncio.Future[PubAck]]
    ) -> set[asyncio.Future[PubAck] | None]:
        """Those of these messages that the stream has; the others may be sent again."""
        if not begun:
            return set()
        done, late = await asyncio.wait(begun, timeout=self._ack_timeout)
        for one in late:
            one.cancel()
        return {one for one in done if not one.cancelled() and one.exception() is None}

    async def publish(self, message: Outgoing) -> PubAck:
        """Send until the stream acknowledges; limit it with `asyncio.timeout` where that is due.

        Raises MessageTooLarge and PublishRefused, which no repetition would heal, and
        BrokerUnreachable once the connection is closed for good.
        """
        headers = message.all_headers()
        pause = FIRST_PAUSE
        while True:
            await self._connection.wait_usable()
            # Each time anew: the server that it reconnected to may take less.
            check_size(message.body, headers, self._connection.message_limit)
            async with self._slots:
                trouble = await self._acknowledged(self._sent(message, headers))
            if isinstance(trouble, PubAck):
                return trouble
            _stop_if_cancelled()
            if self._on_retry is not None:
                self._on_retry(trouble)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _sent(self, message: Outgoing, headers: dict[str, str]) -> PubAck:
        return await self._connection.jetstream.publish(
            message.subject, message.body, timeout=self._ack_timeout, headers=headers
        )

    async def _acknowledged(self, sending: Awaitable[PubAck]) -> PubAck | str:
        """The acknowledgement, or in words why it has to be sent again."""
        try:
            return await sending
        except (ConnectionClosedError, ConnectionDrainingError) as error:
            raise BrokerUnreachable("the connection to the broker is closed") from error
        except APIError as error:
            if error.err_code in self._refusals:
                told = f"the stream refused it: {error.description}"
                raise PublishRefused(told, error.err_code) from error
            return error.description or str(error)
        except (NatsError, OSError) as error:
            return str(error) or type(error).__name__


def _stop_if_cancelled() -> None:
    """Raise the cancellation that `wait_for` forgets when it comes together with a result."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
