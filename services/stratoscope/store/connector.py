"""Connections to Postgres that end when the server stops answering.

A server can go silent without closing a connection: its host is gone, a firewall drops the packets,
or its processes hang. TCP alone notices after a quarter of an hour, or never. Three limits bound
the silence:

- The kernels of both ends close a connection whose peer acknowledges nothing for ten seconds.
- A statement has a deadline. The server cancels it shortly before, so that past the deadline the
  server is silent. The connection is then closed without waiting for the cancellation.
- A connection attempt has a deadline. Where the DSN names several hosts, the next one is tried
  after a second without an answer: a hung primary does not hold up the standby.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg

CONNECT_SECONDS: Final = 10.0
_NEXT_HOST_SECONDS: Final = 1.0
# So long a server may take to confirm that it cancels a statement.
_CANCEL_SECONDS: Final = 2.0
_PEER_SECONDS: Final = 10
_IDLE_SECONDS: Final = 5
_PROBE_SECONDS: Final = 2
_PROBES: Final = 3
_ATTRIBUTE: Final = "target_session_attrs"
# The share of a deadline after which the server itself cancels a statement.
_SERVER_SHARE: Final = 0.8
# By the names that this platform has.
_SOCKET_OPTIONS: Final = {
    "TCP_KEEPIDLE": _IDLE_SECONDS,
    "TCP_KEEPINTVL": _PROBE_SECONDS,
    "TCP_KEEPCNT": _PROBES,
    "TCP_USER_TIMEOUT": _PEER_SECONDS * 1000,
}
# By DSN, the host of its last connection.
_last_host: dict[str, str] = {}
Attempt = Callable[[], Coroutine[Any, Any, asyncpg.Connection]]


class BoundedConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that closes itself when the server does not confirm a cancellation."""

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self.on_silence: Callable[[], None] = _ignore
        _set_socket_options(transport.get_extra_info("socket"))

    def _cancel_current_command(
        self, waiter: asyncio.Future[None], cancel_waiter: asyncio.Future[None] | None = None
    ) -> None:
        # asyncpg calls this when a statement passes its deadline and when its task is cancelled.
        # The request to cancel takes a connection of its own, which hangs as well.
        super()._cancel_current_command(waiter, cancel_waiter)
        if cancel_waiter is not None:
            patience = min(_CANCEL_SECONDS, self._config.command_timeout or _CANCEL_SECONDS)
            loop = asyncio.get_running_loop()
            loop.call_later(patience, self._end_if_silent, cancel_waiter)

    def _end_if_silent(self, cancelled: asyncio.Future[None]) -> None:
        if not cancelled.done():
            self.terminate()
            self.on_silence()


async def connect(
    dsn: str,
    *,
    timeout: float = CONNECT_SECONDS,  # noqa: ASYNC109 - given to asyncpg, too
    **options: Any,
) -> asyncpg.Connection:
    """A connection to the first host of `dsn` that answers and is of the kind that it asks for.

    `options` are those of `asyncpg.connect`. Raises what that raises, and TimeoutError after
    `timeout` seconds.
    """
    options |= {"connection_class": BoundedConnection}
    hosts = single_hosts(dsn)

    def attempt(host: str) -> Attempt:
        return lambda: _open(host, timeout=timeout, **options)

    connection: asyncpg.Connection
    if len(hosts) == 1:
        connection = await attempt(dsn)()
        return connection
    # The host that was found last first: a hung one costs a second once, not for each session.
    hosts.sort(key=lambda host: _name(host) != _last_host.get(dsn))
    async with asyncio.timeout(timeout):
        name, connection = await _race({_name(host): attempt(host) for host in hosts})
    _last_host[dsn] = name
    return connection


async def _open(host: str, **options: Any) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(host, **options)
    except RuntimeError as error:
        # uvloop raises it for a socket that is reset between two steps of the handshake.
        raise ConnectionResetError(str(error)) from error


def single_hosts(dsn: str) -> list[str]:
    """A DSN for each host that `dsn` names; `dsn` alone where asyncpg has to choose."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    login, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts or "host" in query or "prefer-standby" in query.get(_ATTRIBUTE, []):
        return [dsn]
    return [urlunsplit(parts._replace(netloc=f"{login}{at}{host}")) for host in hosts.split(",")]


def timeout_settings(deadline: float | None, *, by_key: bool = False) -> dict[str, str]:
    """Session settings by which the server ends what its client no longer waits for.

    `deadline` is the client's for a statement, in seconds. A session `by_key` never rests inside a
    transaction, so one that does has lost its client and holds locks.
    """
    found = {
        "tcp_keepalives_idle": str(_IDLE_SECONDS),
        "tcp_keepalives_interval": str(_PROBE_SECONDS),
        "tcp_keepalives_count": str(_PROBES),
        "tcp_user_timeout": str(_PEER_SECONDS * 1000),
    }
    if deadline is not None:
        found["statement_timeout"] = str(int(deadline * _SERVER_SHARE * 1000))
        if by_key:
            found["idle_in_transaction_session_timeout"] = str(int(deadline * 1000))
    return found


async def _race(attempts: dict[str, Attempt]) -> tuple[str, asyncpg.Connection]:
    """Start the attempts one after the other; the first connection wins, with its name."""
    waiting = deque(attempts.items())
    running: set[asyncio.Task[asyncpg.Connection]] = set()
    failed: dict[str, BaseException] = {}
    try:
        while waiting or running:
            if waiting:
                name, attempt = waiting.popleft()
                running.add(asyncio.create_task(attempt(), name=name))
            ended, running = await asyncio.wait(
                running,
                timeout=_NEXT_HOST_SECONDS if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in ended:
                if (error := task.exception()) is not None:
                    failed[task.get_name()] = error
                    continue
                running |= ended - {task}
                return task.get_name(), task.result()
    finally:
        await _abandon(running)
    raise _combined(failed)


async def _abandon(running: set[asyncio.Task[asyncpg.Connection]]) -> None:
    for task in running:
        task.cancel()
    for found in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(found, asyncpg.Connection):
            found.terminate()


def _combined(failed: dict[str, BaseException]) -> BaseException:
    refused = (one for one in failed.values() if isinstance(one, asyncpg.PostgresError))
    said = "; ".join(f"{name}: {error or type(error).__name__}" for name, error in failed.items())
    return next(refused, ConnectionError(said))


def _name(dsn: str) -> str:
    return urlsplit(dsn).netloc.rpartition("@")[2]


def _set_socket_options(found: socket.socket | None) -> None:
    if found is None or found.family == getattr(socket, "AF_UNIX", None):
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SOCKET_OPTIONS.items():
        option = getattr(socket, name, None)
        if option is not None:
            found.setsockopt(socket.IPPROTO_TCP, option, value)


def _ignore() -> None:
    """No pool has to know."""
