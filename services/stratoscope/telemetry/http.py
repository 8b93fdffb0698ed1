"""`/healthz`, `/readyz` and `/metrics` of a service, served in its own event loop."""

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
# By name, what has to hold before the service is of use: {"broker": True, "database": False}.
Checks = Mapping[str, bool]
Readiness = Callable[[], Checks | Awaitable[Checks]]

_JSON = "application/json"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    media_type: str
    body: bytes


def service_app(ready: Readiness, registry: CollectorRegistry) -> AsgiApp:
    """An ASGI app: alive as long as it answers, ready while every check of `ready` holds."""

    async def app(scope: Message, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _send(send, await _answer(scope, ready, registry), scope["method"])

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
            lifespan="off",
            log_config=None,
            log_level="warning",
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


async def _answer(scope: Message, ready: Readiness, registry: CollectorRegistry) -> _Answer:
    if scope["method"] not in ("GET", "HEAD"):
        return _Answer(405, _JSON, b'{"error":"GET only"}')
    match scope["path"]:
        case "/healthz":
            return _Answer(200, _JSON, b'{"alive":true}')
        case "/readyz":
            return await _readiness(ready)
        case "/metrics":
            return _Answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
        case _:
            return _Answer(404, _JSON, b'{"error":"there are /healthz, /readyz and /metrics"}')


async def _readiness(ready: Readiness) -> _Answer:
    try:
        said = ready()
        checks = dict(await said if inspect.isawaitable(said) else said)
    except Exception:
        # A check that fails is an answer; what it failed with is for the log, not for a stranger.
        log.exception("readiness could not be told")
        checks = {"check": False}
    holds = all(checks.values())
    body = orjson.dumps({"ready": holds, "checks": checks})
    return _Answer(200 if holds else 503, _JSON, body)


async def _send(send: Send, answer: _Answer, method: str) -> None:
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})
