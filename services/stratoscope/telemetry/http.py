"""`/healthz`, `/readyz` and `/metrics` of a service, served in its own event loop."""

import asyncio
import inspect
import socket
from asyncio import TimerHandle, Transport
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson
import structlog
import uvicorn
from h11 import LocalProtocolError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from uvicorn.protocols.http.h11_impl import H11Protocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
# By name, what has to hold before the service is of use: {"broker": True, "database": False}. In
# place of False may stand a text: what is wrong, and what to do.
Checks = Mapping[str, bool | str]
Readiness = Callable[[], Checks | Awaitable[Checks]]

_JSON = "application/json"
# A scrape takes less, however slow its network.
_CONNECTION_SECONDS = 30.0
_CONNECTIONS = 256
# Encoding all metrics takes some 10 ms, and no scraper needs them more often.
_METRICS_SECONDS = 0.1
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    media_type: str
    body: bytes


def service_app(ready: Readiness, registry: CollectorRegistry) -> AsgiApp:
    """An ASGI app: alive as long as it answers, ready while every check of `ready` holds."""

    pages = _Pages(ready, registry)

    async def app(scope: Message, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await _send(send, await _answer(scope, pages), scope["method"])
        except LocalProtocolError:
            # The rest of the request was none: the server refuses it and sends no answer.
            return
        except Exception:
            log.exception("a page could not be told", path=scope["path"][:100])
            raise

    return app


@asynccontextmanager
async def serve(app: AsgiApp, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve in the running loop, and give the port; signals stay with the caller.

    Raises OSError where the port is taken.
    """
    listener = _listen(host, port)
    # Its backlog takes requests from here on, so there is no start to wait for.
    server = _Server(
        uvicorn.Config(
            app,
            http=_Connection,
            # What is no request of ours is refused without a line: strangers ask, by the thousand.
            ws="none",
            log_level="critical",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


class _Connection(H11Protocol):
    """A connection that ends: in time, and before there are too many.

    Strangers reach the port. Requests that never end, answers that are never read and connections
    without a request would take every file that the process may open, the database's included.
    """

    _open: ClassVar[dict["_Connection", TimerHandle]] = {}

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._open[self] = self.loop.call_later(_CONNECTION_SECONDS, transport.abort)
        if len(self._open) > _CONNECTIONS:
            # The oldest: a new request is answered in milliseconds.
            next(iter(self._open)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if (ending := self._open.pop(self, None)) is not None:
            ending.cancel()
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    # uvicorn would take SIGINT and SIGTERM for itself, and the service would never see them.
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


class _Pages:
    """Metrics and readiness; requests at the same time share one answer."""

    def __init__(self, ready: Readiness, registry: CollectorRegistry) -> None:
        self._ready = ready
        self._registry = registry
        self._metrics = b""
        self._metrics_until = 0.0
        self._looking: asyncio.Task[_Answer] | None = None

    def metrics(self) -> _Answer:
        now = monotonic()
        if now >= self._metrics_until:
            self._metrics = generate_latest(self._registry)
            self._metrics_until = now + _METRICS_SECONDS
        return _Answer(200, CONTENT_TYPE_LATEST, self._metrics)

    async def readiness(self) -> _Answer:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(_readiness(self._ready), name="readiness")
        return await asyncio.shield(self._looking)


async def _answer(scope: Message, pages: _Pages) -> _Answer:
    if _is_misdirected(scope):
        return _Answer(421, _JSON, b'{"error":"on this machine the name is localhost"}')
    if scope["method"] not in ("GET", "HEAD"):
        return _Answer(405, _JSON, b'{"error":"GET only"}')
    match scope["path"]:
        case "/healthz":
            return _Answer(200, _JSON, b'{"alive":true}')
        case "/readyz":
            return await pages.readiness()
        case "/metrics":
            return pages.metrics()
        case _:
            return _Answer(404, _JSON, b'{"error":"there are /healthz, /readyz and /metrics"}')


def _is_misdirected(scope: Message) -> bool:
    """Whether a request to the loopback interface names another host.

    A web page that has its own name resolve to 127.0.0.1 would read what it is answered.
    """
    if not scope.get("server") or not _is_loopback(scope["server"][0]):
        return False
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return not all(_is_loopback(_host_in(value)) for value in hosts)


def _host_in(header: bytes) -> str:
    try:
        return urlsplit(f"//{header.decode()}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        # A listener for both families sees addresses of the old one as ::ffff:127.0.0.1.
        return host == "localhost" or ip_address(host.removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False


async def _readiness(ready: Readiness) -> _Answer:
    try:
        said = ready()
        checks = dict(await said if inspect.isawaitable(said) else said)
    except Exception:
        # A check that fails is an answer; what it failed with is for the log, not for a stranger.
        log.exception("readiness could not be told")
        checks = {"check": "the check itself failed; see the service's log"}
    holds = all(check is True for check in checks.values())
    body: dict[str, object] = {
        "ready": holds,
        "checks": {name: check is True for name, check in checks.items()},
    }
    if reasons := {name: check for name, check in checks.items() if isinstance(check, str)}:
        body["reasons"] = reasons
    return _Answer(200 if holds else 503, _JSON, orjson.dumps(body))


async def _send(send: Send, answer: _Answer, method: str) -> None:
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})
