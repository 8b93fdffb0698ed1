"""The recorder's way to the broker: made in the background, and made anew when it ends.

A service ends with its connection. An agent must not even notice, so whatever ends a connection
here, a new one is tried until the recorder is closed, and a message waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from nats.js.api import PubAck

from stratoscope.broker.connection import (
    BrokerUnreachable,
    Connection,
    advice_on,
    connect,
    is_refusal,
)
from stratoscope.broker.ending import end_tasks
from stratoscope.broker.publishing import Outgoing, Publisher
from stratoscope.recorder.settings import RecorderSettings
from stratoscope_contracts.words import MAX_MESSAGE_BYTES

# One attempt's patience, and how long to let a broker be that has just ended the connection.
_ATTEMPT = 5.0
_PAUSE = 0.5

# Which connection, and how often it was lost and got back.
Epoch = tuple[int, int]

log = logging.getLogger(__name__)


class Link:
    """Keeps a connection up; made in a running loop, ended by `close`."""

    def __init__(
        self,
        settings: RecorderSettings,
        on_limit: Callable[[int], None],
        on_retry: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._on_limit = on_limit
        self._count_retry = on_retry
        self._connection: Connection | None = None
        self._connections = 0
        self._publisher: asyncio.Future[Publisher] = asyncio.get_running_loop().create_future()
        self._told: set[str] = set()
        self._refused = asyncio.Event()
        self._trouble = ""
        self._is_away = False
        self._task = asyncio.create_task(self._keep_up())

    @property
    def message_limit(self) -> int:
        """The most bytes of a message; the contract's limit while no broker has said otherwise."""
        return MAX_MESSAGE_BYTES if self._connection is None else self._connection.message_limit

    @property
    def connection(self) -> Connection | None:
        """The connection of this moment, be it up or not; None where there never was one."""
        return self._connection

    @property
    def epoch(self) -> Epoch:
        """Changes whenever messages may have been missed."""
        if self._connection is None:
            return (0, 0)
        return (self._connections, self._connection.client.stats["reconnects"])

    @property
    def is_connected(self) -> bool:
        """Whether the broker can be talked to just now."""
        return self._connection is not None and self._connection.connected.is_set()

    @property
    def last_error(self) -> str:
        """What keeps messages from being stored, with what to do; empty where nothing does."""
        return "" if self._is_away and self.is_connected else self._trouble

    async def wait_connected(self, within: float) -> None:
        """Return once connected; BrokerUnreachable after `within` seconds, or once refused."""
        refused = asyncio.ensure_future(self._refused.wait())
        either: list[asyncio.Future[Any]] = [self._publisher, refused]
        try:
            await asyncio.wait(either, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks([refused])
        if self._publisher.done():
            return
        url = self._settings.url.rpartition("@")[2]
        if self._refused.is_set():
            raise BrokerUnreachable(f"cannot connect to {url}: {self.last_error}")
        trouble = self.last_error or advice_on("")
        raise BrokerUnreachable(f"no broker at {url} within {within:g} s: {trouble}")

    async def publish(self, message: Outgoing) -> PubAck:
        """Send until acknowledged, over as many connections as it takes."""
        while True:
            publisher = await asyncio.shield(self._publisher)
            try:
                acknowledgement = await publisher.publish(message)
            except BrokerUnreachable:
                await asyncio.sleep(_PAUSE)
            else:
                self._trouble = ""
                return acknowledgement

    async def close(self) -> None:
        """End the connection, or the attempts to get one."""
        await end_tasks([self._task])
        self._publisher.cancel()
        if self._connection is not None:
            await self._connection.close()

    async def _keep_up(self) -> None:
        settings = self._settings
        while True:
            try:
                connection = await connect(
                    settings.url,
                    name=settings.name,
                    timeout=_ATTEMPT,
                    login=settings.login,
                    on_trouble=self._hear,
                )
            except BrokerUnreachable as error:
                if not self.last_error:
                    self._tell(f"recording goes on without the broker, into memory: {error}")
                await asyncio.sleep(_PAUSE)
                continue
            self._serve(connection)
            await connection.closed.wait()
            self._publisher = asyncio.get_running_loop().create_future()
            self._tell(f"the broker ended the connection: {connection.client.last_error}")
            await asyncio.sleep(_PAUSE)

    def _serve(self, connection: Connection) -> None:
        settings = self._settings
        self._told.clear()
        self._refused.clear()
        self._trouble = ""
        self._connection = connection
        self._connections += 1
        self._on_limit(connection.message_limit)
        self._publisher.set_result(
            Publisher(
                connection,
                in_flight=settings.in_flight,
                ack_timeout=settings.ack_timeout,
                on_retry=self._note_retry,
            )
        )

    def _hear(self, trouble: str) -> None:
        """Warn at once, not at the end: an agent that is refused may run for days."""
        text = f"{trouble.removeprefix('nats: ')}: {advice_on(trouble)}"
        if "permissions violation" in trouble.lower():
            self._tell(f"the broker refuses what the recorder sends or hears: {text}", text)
        elif not self.is_connected:
            if is_refusal(trouble):
                self._refused.set()
            url = self._settings.url.rpartition("@")[2]
            self._tell(f"recording goes on without the broker at {url}, into memory: {text}", text)

    def _note_retry(self, trouble: str) -> None:
        self._count_retry()
        if "no response from stream" in trouble:
            trouble = f"{trouble}: {advice_on(trouble)}"
        # A refusal is why no acknowledgement comes: it says more than the time-out after it.
        error = self.last_error if "violation" in self.last_error else trouble
        self._tell(f"records have to be sent again: {trouble}", error)

    def _tell(self, trouble: str, error: str | None = None) -> None:
        """Warn once a connection of each trouble, however many records meet it."""
        self._trouble = error or trouble
        self._is_away = not self.is_connected
        log.log(logging.DEBUG if trouble in self._told else logging.WARNING, "%s", trouble)
        self._told.add(trouble)
