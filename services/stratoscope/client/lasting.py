"""A long request: word of how far it is, then its reply."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stratoscope.broker.connection import Connection
from stratoscope.broker.ending import end_tasks
from stratoscope.client.errors import NoAnswerInTime, Unreachable
from stratoscope.client.reading import read
from stratoscope_contracts import subjects
from stratoscope_contracts.envelopes import Progress
from stratoscope_contracts.words import HEADER_PROGRESS, HEADER_REQUEST

Tell = Callable[[Progress], None]
_WANTED: Final = "1"


async def lasted(
    connection: Connection,
    space: str,
    verb: str,
    payload: bytes,
    seconds: float,
    tell: Tell,
    stop: asyncio.Event | None = None,
    headers: Mapping[str, str] | None = None,
) -> Msg:
    """The message with the reply; `tell` hears how far it is.

    Once `stop` is set the navigator is told to stop, and what it then replies is waited for. One
    that is left early, by an exception or a cancellation, is stopped too. Raises NoAnswerInTime
    where nothing came for `seconds`, Unreachable where there is nobody who answers.
    """
    asking = _Asking(connection, space, verb, seconds)
    async with asking.asked(payload, headers or {}), asking.stopped_by(stop):
        while True:
            message = await asking.next_message()
            if HEADER_PROGRESS not in (message.headers or {}):
                asking.ended = True
                return message
            tell(read(verb, Progress, message.data))


class _Asking:
    """One long request, from its asking to its reply."""

    def __init__(self, connection: Connection, space: str, verb: str, seconds: float) -> None:
        self._connection = connection
        self._space = space
        self._verb = verb
        self._seconds = seconds
        self._id = uuid4().hex
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue()
        self.ended = False

    @asynccontextmanager
    async def asked(self, payload: bytes, headers: Mapping[str, str]) -> AsyncIterator[None]:
        """Ask, and listen for as long as the block lasts."""
        client = self._connection.client
        inbox = client.new_inbox()
        try:
            subscription = await client.subscribe(inbox, cb=self._arrived.put)
            await client.publish(
                subjects.nav(self._space, self._verb),
                payload,
                reply=inbox,
                headers={**headers, HEADER_REQUEST: self._id, HEADER_PROGRESS: _WANTED},
            )
        except NatsError as error:
            raise Unreachable(f"the broker was lost while asking {self._verb}: {error}") from error
        try:
            yield
        finally:
            if client.is_connected:
                await subscription.unsubscribe()
                if not self.ended:
                    await self._cancel()

    @asynccontextmanager
    async def stopped_by(self, stop: asyncio.Event | None) -> AsyncIterator[None]:
        """Tell the navigator to stop once the event is set."""
        if stop is None:
            yield
            return
        waiting = asyncio.create_task(self._cancel_after(stop), name="cancel")
        try:
            yield
        finally:
            await end_tasks([waiting])

    async def next_message(self) -> Msg:
        """The next message, whatever it says."""
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._arrived.get()
        except TimeoutError as error:
            lost = "" if self._connection.connected.is_set() else "; the broker was lost meanwhile"
            raise NoAnswerInTime(
                f"nothing was heard of {self._verb} for {self._seconds:g} s{lost}"
            ) from error
        if (message.headers or {}).get("Status") == "503":
            self.ended = True
            raise Unreachable(f"the broker is there, but no navigator that answers {self._verb}")
        return message

    async def _cancel_after(self, stop: asyncio.Event) -> None:
        await stop.wait()
        await self._cancel()

    async def _cancel(self) -> None:
        await self._connection.client.publish(
            subjects.cancel(self._space, self._id), headers={HEADER_REQUEST: self._id}
        )
