"""A replay as it is read: one message an event, until the one that says it was the last."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final
from uuid import uuid4

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stratoscope.broker.connection import Connection
from stratoscope.client.errors import NoAnswerInTime, Unreachable, UnreadableReply
from stratoscope.client.exchange import Get
from stratoscope.client.reading import read, whole
from stratoscope_contracts import subjects
from stratoscope_contracts.looking import ReplayEnd
from stratoscope_contracts.views import Event
from stratoscope_contracts.words import (
    FLOW_ANSWERED,
    HEADER_FLOW,
    HEADER_REPLAY_END,
    HEADER_REQUEST,
)

_VERB: Final = "replay"


async def replayed(
    connection: Connection, space: str, payload: bytes, seconds: float, get: Get
) -> AsyncGenerator[Event, None]:
    """The events of a replay; closed before its end, it tells the navigator to stop.

    `get` fetches bytes of an event that is too large for a message.

    Raises what the navigator answered, NoAnswerInTime where nothing came for `seconds`, and
    UnreadableReply where an event got lost on the way.
    """
    playing = _Playing(connection, space, seconds)
    await playing.begin(payload)
    try:
        while (message := await playing.next_message()) is not None:
            yield playing.in_order(read(_VERB, Event, await whole(get, message)))
            # Only now has the reader dealt with it, and may the next ones be sent.
            if message.reply:
                await connection.client.publish(message.reply)
    finally:
        await playing.leave()


class _Playing:
    """One replay, from its request to its end."""

    def __init__(self, connection: Connection, space: str, seconds: float) -> None:
        self._connection = connection
        self._space = space
        self._seconds = seconds
        self._id = uuid4().hex
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue()
        self._ended = False
        self._read = 0
        self._last: int | None = None

    async def begin(self, payload: bytes) -> None:
        """Ask for it."""
        client = self._connection.client
        inbox = client.new_inbox()
        try:
            self._subscription = await client.subscribe(inbox, cb=self._arrived.put)
            await client.publish(
                subjects.nav(self._space, _VERB),
                payload,
                reply=inbox,
                headers={HEADER_REQUEST: self._id, HEADER_FLOW: FLOW_ANSWERED},
            )
        except NatsError as error:
            raise Unreachable(f"the broker was lost while asking {_VERB}: {error}") from error

    async def next_message(self) -> Msg | None:
        """The next event's message, None behind the last."""
        message = await self._next()
        headers = message.headers or {}
        if headers.get("Status") == "503":
            self._ended = True
            raise Unreachable(f"the broker is there, but no navigator that answers {_VERB}")
        if HEADER_REPLAY_END not in headers:
            return message
        self._ended = True
        if read(_VERB, ReplayEnd, message.data).replayed != self._read:
            raise self._lost()
        return None

    def in_order(self, event: Event) -> Event:
        """An event, if it is the one that follows."""
        if self._last is not None and event.event_index != self._last + 1:
            raise self._lost()
        self._last = event.event_index
        self._read += 1
        return event

    async def leave(self) -> None:
        """Listen no more; a replay that still goes on is told to stop."""
        client = self._connection.client
        if not client.is_connected:
            return
        await self._subscription.unsubscribe()
        if not self._ended:
            await client.publish(
                subjects.cancel(self._space, self._id), headers={HEADER_REQUEST: self._id}
            )

    async def _next(self) -> Msg:
        if not self._arrived.empty():
            return self._arrived.get_nowait()
        try:
            async with asyncio.timeout(self._seconds):
                return await self._arrived.get()
        except TimeoutError as error:
            lost = "" if self._connection.connected.is_set() else "; the broker was lost meanwhile"
            raise NoAnswerInTime(
                f"no event of the replay came for {self._seconds:g} s{lost}"
            ) from error

    def _lost(self) -> UnreadableReply:
        return UnreadableReply(
            "events of the replay got lost on the way: ask again from the last one",
            {"event_index": self._last},
        )
