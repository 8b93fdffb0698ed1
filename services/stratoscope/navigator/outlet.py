"""Many messages to one reader, no faster than it takes them, and only while it is there.

NATS tells nobody that a subscriber is slow until it cuts it off, and that there is none only to
whoever asks. So now and then a message is a question: published with a reply subject. Where nobody
listens any more, the server says so there; a reader that promised to answers once it has dealt with
the message, and only so many questions are left open.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope.broker.feed import FLOW

# What a reader that promised to answer may take for what it was sent.
PATIENCE_SECONDS: Final = 60.0
_ASK_MESSAGES: Final = 256
_ASK_BYTES: Final = 1 << 20
_ASK_SECONDS: Final = 1.0
_OPEN: Final = 2
_NOBODY: Final = "503"


class ReaderGone(Exception):
    """Nobody listens any more, or a reader that promised to answer does not."""


class Outlet:
    """The way to one reader."""

    def __init__(self, client: Client, reader: str, inbox: str, *, answering: bool) -> None:
        self._client = client
        self._reader = reader
        self._inbox = inbox
        self._answering = answering
        self._news = asyncio.Event()
        self._gone = False
        self._open = 0
        self._messages = 0
        self._bytes = 0
        self._asked_at = monotonic()

    async def send(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send a message, and wait for the reader where it is behind. Raises ReaderGone."""
        self._messages += 1
        self._bytes += len(body)
        if not self._is_due():
            await self._client.publish(self._reader, body, headers=headers)
            return
        self._messages = self._bytes = 0
        self._asked_at = monotonic()
        self._open += 1
        await self._client.publish(self._reader, body, reply=self._inbox, headers=headers)
        # Answered by the server once it has passed on all that came before.
        await self._client.flush()
        await self._caught_up()

    async def end(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Send the last message."""
        await self._client.publish(self._reader, body, headers=dict(headers))

    async def heard(self, message: Msg) -> None:
        """Take an answer in: the reader's, or the server's for one that is gone."""
        if (message.headers or {}).get("Status") == _NOBODY:
            self._gone = True
        elif self._open:
            self._open -= 1
        self._news.set()

    def _is_due(self) -> bool:
        return (
            self._messages >= _ASK_MESSAGES
            or self._bytes >= _ASK_BYTES
            or monotonic() - self._asked_at >= _ASK_SECONDS
        )

    async def _caught_up(self) -> None:
        while self._answering and self._open > _OPEN and not self._gone:
            self._news.clear()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._news.wait()
            except TimeoutError as error:
                raise ReaderGone from error
        if self._gone:
            raise ReaderGone


@asynccontextmanager
async def outlet(client: Client, reader: str, *, answering: bool) -> AsyncIterator[Outlet]:
    """An outlet to a reader, who may have promised to answer."""
    # No inbox: a reader is let in here, and to nobody's inbox.
    inbox = FLOW.format(secrets.token_hex(16))
    found = Outlet(client, reader, inbox, answering=answering)
    subscription = await client.subscribe(inbox, cb=found.heard)
    try:
        yield found
    finally:
        if client.is_connected:
            await subscription.unsubscribe()
