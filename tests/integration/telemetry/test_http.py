"""Health, readiness and metrics, asked over a real connection."""

import asyncio
import http.client
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry, Counter

from stratoscope.telemetry import http as pages
from stratoscope.telemetry.http import Checks, serve, service_app


class Service:
    """A service whose readiness a test sets."""

    def __init__(self) -> None:
        self.checks: dict[str, bool] = {"broker": True, "database": True}
        self.broken = False
        self.registry = CollectorRegistry()
        self.port = 0

    async def ready(self) -> Checks:
        if self.broken:
            raise RuntimeError("password=secret")
        return self.checks

    async def get(
        self, path: str, method: str = "GET", host: str | None = None
    ) -> tuple[int, bytes]:
        return await asyncio.to_thread(self._get, path, method, host)

    def _get(self, path: str, method: str, host: str | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, headers={} if host is None else {"Host": host})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    async with serve(service_app(service.ready, service.registry)) as port:
        service.port = port
        yield service


async def test_a_service_that_runs_is_alive(service: Service) -> None:
    assert await service.get("/healthz") == (200, b'{"alive":true}')


@pytest.mark.parametrize("listens", ["127.0.0.1", "0.0.0.0"])
async def test_a_page_whose_name_means_this_machine_reads_nothing(
    service: Service, listens: str
) -> None:
    async with serve(service_app(service.ready, service.registry), listens) as port:
        service.port = port
        for host in ("evil.example", "127.0.0.1.evil.example:80", "localhost.", "[x", ""):
            for path in ("/healthz", "/readyz", "/metrics"):
                assert (await service.get(path, host=host))[0] == 421
        for own in (None, f"127.0.0.1:{port}", f"LOCALHOST:{port}", "[::1]", "127.9.9.9"):
            assert (await service.get("/healthz", host=own))[0] == 200


async def test_ready_says_what_was_checked(service: Service) -> None:
    status, body = await service.get("/readyz")
    assert status == 200
    assert orjson.loads(body) == {"ready": True, "checks": {"broker": True, "database": True}}


async def test_one_check_that_does_not_hold_is_not_ready(service: Service) -> None:
    service.checks["database"] = False
    status, body = await service.get("/readyz")
    assert status == 503
    assert orjson.loads(body)["checks"] == {"broker": True, "database": False}


async def test_a_check_may_say_why_and_what_to_do(service: Service) -> None:
    service.checks["database"] = "no answer: start it"
    status, body = await service.get("/readyz")
    assert status == 503
    assert orjson.loads(body) == {
        "ready": False,
        "checks": {"broker": True, "database": False},
        "reasons": {"database": "no answer: start it"},
    }


async def test_a_check_that_fails_is_not_ready_and_tells_a_stranger_nothing(
    service: Service,
) -> None:
    service.broken = True
    status, body = await service.get("/readyz")
    assert status == 503
    assert b"secret" not in body


async def test_metrics_are_those_of_the_given_registry(service: Service) -> None:
    Counter("things", "things seen", registry=service.registry).inc(3)
    status, body = await service.get("/metrics")
    assert status == 200
    assert b"things_total 3.0" in body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/healthz", 405), ("HEAD", "/readyz", 200)],
)
async def test_what_is_not_there_is_said(
    service: Service, method: str, path: str, status: int
) -> None:
    assert (await service.get(path, method))[0] == status


async def test_readiness_may_be_told_without_awaiting() -> None:
    service = Service()
    async with serve(service_app(lambda: {"always": True}, service.registry)) as port:
        service.port = port
        assert (await service.get("/readyz"))[0] == 200


async def test_a_port_that_is_taken_is_an_error_of_the_caller() -> None:
    app = service_app(dict, CollectorRegistry())
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OSError, match="in use"),
    ):
        async with serve(app, port=other.getsockname()[1]):
            pass


async def test_signals_stay_with_the_caller() -> None:
    before: list[Any] = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    service = Service()
    async with serve(service_app(service.ready, service.registry)) as port:
        service.port = port
        await service.get("/healthz")
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


RUBBISH = {
    "no HTTP": b"\x00\x01\r\n\r\n",
    "a long line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a broken chunk": (
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
    ),
    "a WebSocket": (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ),
    "another protocol": (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    ),
}


@pytest.mark.parametrize("raw", RUBBISH.values(), ids=RUBBISH)
async def test_a_stranger_s_rubbish_is_refused_without_a_line_of_the_log(
    service: Service, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(raw)
    async with asyncio.timeout(5):
        assert (await reader.readline()).split()[1] in (b"400", b"404")
    writer.close()
    assert (await service.get("/healthz"))[0] == 200
    assert [line for line in caplog.records if line.name.startswith("uvicorn")] == []


async def ended(reader: asyncio.StreamReader) -> None:
    """Return once the other side has ended a connection, either way."""
    with suppress(ConnectionResetError):
        assert await reader.read() == b""


async def test_connections_that_ask_nothing_are_ended(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would take every file that the process may open."""
    monkeypatch.setattr(pages, "_CONNECTION_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
    async with asyncio.timeout(5):
        await ended(reader)
    writer.close()


async def test_there_are_so_many_connections_and_who_asks_is_answered(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_CONNECTIONS", 8)
    opened = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(20)]
    async with asyncio.timeout(5):
        # The oldest had to go; those that came last are there, and who asks is answered.
        for reader, _ in opened[:10]:
            await ended(reader)
    assert (await service.get("/healthz"))[0] == 200
    for _, writer in opened:
        writer.close()
