"""Health, readiness and metrics, asked over a real connection."""

import asyncio
import http.client
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry, Counter

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

    async def get(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        return await asyncio.to_thread(self._get, path, method)

    def _get(self, path: str, method: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path)
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


async def test_ready_says_what_was_checked(service: Service) -> None:
    status, body = await service.get("/readyz")
    assert status == 200
    assert orjson.loads(body) == {"ready": True, "checks": {"broker": True, "database": True}}


async def test_one_check_that_does_not_hold_is_not_ready(service: Service) -> None:
    service.checks["database"] = False
    status, body = await service.get("/readyz")
    assert status == 503
    assert orjson.loads(body)["checks"] == {"broker": True, "database": False}


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
