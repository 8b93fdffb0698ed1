"""A connection to NATS that outlives its server and says when it is over.

nats-py gives up after sixty attempts, dies of an error callback that raises, needs six minutes to
notice a silent peer, and is closed for good by one message over `max_payload`. Here it reconnects
for ever, its callbacks cannot raise, and `closed` is set the one time it cannot go on: a service
awaits that and ends its process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.local_brokers import with_password
from stratoscope.broker.login import Login, LoginUnusable
from stratoscope.broker.protocol import RobustClient
from stratoscope_contracts.errors import Internal
from stratoscope_contracts.words import MAX_MESSAGE_BYTES, MIB

CONNECT_TIMEOUT: Final = 5.0
CLOSE_TIMEOUT: Final = 5.0
# A peer is dead at the third ping after one that was answered: 24 s, where the library's defaults
# take six minutes.
PING_INTERVAL: Final = 8
RECONNECT_WAIT: Final = 0.25
# Room for two whole messages between the client and its socket.
PENDING_BYTES: Final = 20 * MIB

log = logging.getLogger(__name__)


class BrokerError(Internal):
    """The broker cannot do what is needed of it; the message says what to do."""


class BrokerUnreachable(BrokerError, ConnectionError):
    """No broker answered in time."""


_EXAMPLE = "nats://127.0.0.1:4222"


@dataclass(slots=True)
class Connection:
    """A live connection: the nats-py client, its JetStream, and what has become of them."""

    client: Client
    jetstream: JetStreamContext
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once, when the connection is over for good, whoever ended it."""
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the server can be talked to."""
    opened: bool = False
    """Whether it was ever up: until then, who connects is told by an exception and nobody else."""
    closing: bool = False
    last_error: str = ""

    @property
    def message_limit(self) -> int:
        """The most bytes, headers included, that this server and the contract both take."""
        return min(MAX_MESSAGE_BYTES, self.client.max_payload)

    @property
    def refusal(self) -> str:
        """What the broker has refused last, where that was the last trouble; else nothing."""
        is_one = "permissions violation" in self.last_error.lower()
        return self.last_error.removeprefix("nats: ") if is_one else ""

    async def wait_usable(self) -> None:
        """Return once the server can be talked to; BrokerUnreachable if it never will be again."""
        while not self.connected.is_set():
            waits = [asyncio.ensure_future(event.wait()) for event in (self.connected, self.closed)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            if self.closed.is_set():
                raise BrokerUnreachable("the connection to the broker is closed")

    async def close(self) -> None:
        """End the connection; what was published before is written out first."""
        self.closing = True
        await _close(self.client)
        self.connected.clear()
        self.closed.set()


async def connect(
    url: str,
    *,
    name: str,
    on_closed: Callable[[], None] | None = None,
    timeout: float = CONNECT_TIMEOUT,  # noqa: ASYNC109 - the caller's whole budget, told in the error
    ping_interval: int = PING_INTERVAL,
    login: Login | None = None,
    on_trouble: Callable[[str], None] | None = None,
) -> Connection:
    """Connect to one of the servers in `url` (several are parted by commas).

    `on_trouble` is called with each error in words as it comes, also while the first connection is
    still tried.
    `on_closed` is called once if the connection ends for good without `close`; a service ends its
    process by it. Raises BrokerUnreachable after `timeout` seconds, naming the last trouble.
    """
    client = RobustClient()
    connection = Connection(client, client.jetstream())
    watch = _Watch(connection, on_closed, on_trouble)
    options = _options(login or Login())
    attempt = client.connect(
        _addresses(url, login or Login()),
        name=name,
        error_cb=watch.on_error,
        disconnected_cb=watch.on_disconnected,
        reconnected_cb=watch.on_reconnected,
        closed_cb=watch.on_closed,
        max_reconnect_attempts=-1,
        # nats-py sleeps and waits for as long as it is told, fractions too, but is annotated int.
        reconnect_time_wait=RECONNECT_WAIT,  # type: ignore[arg-type]
        ping_interval=ping_interval,
        pending_size=PENDING_BYTES,
        **options,
    )
    await _within(timeout, _opening(connection, attempt), connection, url)
    return connection


def _options(login: Login) -> dict[str, Any]:
    try:
        return login.options()
    except LoginUnusable as error:
        raise BrokerUnreachable(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Watch:
    """The callbacks of one connection; none of them may raise, or nats-py's read loop ends."""

    connection: Connection
    when_closed: Callable[[], None] | None
    on_trouble: Callable[[str], None] | None = None

    @property
    def _is_news(self) -> bool:
        return self.connection.opened and not self.connection.closing

    async def on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        # A refusal is followed by what becomes of the socket, which says nothing.
        if self.connection.opened or not is_refusal(self.connection.last_error):
            self.connection.last_error = text
            self._report(text)
        log.debug("broker: %s", text)

    def _report(self, text: str) -> None:
        try:
            if self.on_trouble is not None and not self.connection.closing:
                self.on_trouble(text)
        except Exception:
            log.exception("what was to happen after a broker's error failed")

    async def on_disconnected(self) -> None:
        self.connection.connected.clear()
        if self._is_news:
            log.warning("lost the broker, reconnecting: %s", self.connection.last_error)

    async def on_reconnected(self) -> None:
        self.connection.connected.set()
        log.info("the broker is back")

    async def on_closed(self) -> None:
        self.connection.connected.clear()
        self.connection.closed.set()
        if not self._is_news:
            return
        log.error("the connection to the broker is over: %s", self.connection.client.last_error)
        try:
            if self.when_closed is not None:
                self.when_closed()
        except Exception:
            log.exception("what was to happen after the connection's end failed")


def _servers(url: str) -> list[str]:
    return [part.strip() for part in url.split(",") if part.strip()]


def _addresses(url: str, login: Login) -> list[str]:
    """The servers to connect to; those of this machine with their password, where none is given.

    Raises BrokerUnreachable where one is no address.
    """
    servers = _servers(url)
    try:
        # Read, so that what is no address is refused before the client meets it.
        known = [with_password(server) for server in servers]
    except ValueError as error:
        raise BrokerUnreachable(f"{url} is no address like {_EXAMPLE}: {error}") from error
    if not servers:
        raise BrokerUnreachable(f"no address of a broker is given: it is like {_EXAMPLE}")
    return servers if login.credentials else known


async def _opening(connection: Connection, attempt: Coroutine[object, object, None]) -> None:
    await attempt
    connection.opened = True
    connection.connected.set()


async def _within(
    seconds: float, attempt: Coroutine[object, object, None], connection: Connection, url: str
) -> None:
    # With endless reconnection nats-py's `connect` never fails: it never returns.
    task = asyncio.ensure_future(attempt)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        in_time = task.done()
        await end_tasks([task])
        if not in_time:
            connection.closing = True
            await _close(connection.client)
    if not in_time:
        raise BrokerUnreachable(
            f"no broker at {_shown(url)} within {seconds:g} s"
            f" ({connection.last_error or 'no answer'}): {advice_on(connection.last_error)}"
        )
    if error := task.exception():
        raise BrokerUnreachable(f"cannot connect to {_shown(url)}: {error}") from error


def is_refusal(trouble: str) -> bool:
    """Whether an error says that the broker, or its certificate, will not do: trying is no use."""
    return "authorization" in trouble.lower() or "certificate" in trouble.lower()


def advice_on(trouble: str) -> str:
    """What to do about an error that a connection met."""
    said = trouble.lower()
    return next((advice for word, advice in _ADVICE.items() if word in said), _ELSE)


_ADVICE: Final = {
    "authorization": "are these the right credentials, and has the broker read that they are?",
    "certificate": "is the authority that signed the broker's certificate named?",
    "violation for publish": "use a login of this agent and space, see `stratoscope creds`",
    'violation for subscription to "_inbox': "use the login's own inbox prefix, which the file of"
    " `stratoscope creds` names",
    "violation": "this login may not do that: see docs/roles.md",
    "no response from stream": "no stream takes it: start a projector, which makes STRATO_RECORD",
    "wrong version number": "does the broker speak TLS there? Name it nats:// if not",
    "name or service not known": "is the host's name right?",
}
_ELSE: Final = "is nats-server running there?"


async def _close(client: Client) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await client.close()
    except (TimeoutError, OSError, NatsError) as error:
        log.warning("the connection to the broker did not close cleanly: %s", error)


def _shown(url: str) -> str:
    """The URL without its password."""
    return ",".join(part.rpartition("@")[2] for part in _servers(url))
