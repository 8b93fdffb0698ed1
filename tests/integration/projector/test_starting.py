"""A projector that can't start says so in a line, and what to look at."""

import asyncio

import pytest

from stratoscope.embedded.ports import LOOPBACK, free_port
from support.projecting import Projecting


async def refused(projectors: Projecting, code: int = 1, **settings: str) -> str:
    running = await projectors.start(ready=False, **settings)
    async with asyncio.timeout(15):
        assert await running.process.wait() == code
    said = running.log.read_text()
    assert "Traceback" not in said
    assert "can't start" in said
    return said


async def test_no_database_is_told(projectors: Projecting):
    nowhere = f"postgresql://me:secret@{LOOPBACK}:{free_port()}/db"
    said = await refused(projectors, STRATO_POSTGRES_DSN=nowhere)
    assert "check STRATO_POSTGRES_DSN and that the server runs" in said
    assert "secret" not in said


@pytest.mark.parametrize("dsn", ["nonsense://x", "postgresql://host:notaport/db"])
async def test_a_database_address_that_is_none_is_told(projectors: Projecting, dsn: str):
    assert "STRATO_POSTGRES_DSN" in await refused(projectors, STRATO_POSTGRES_DSN=dsn)


async def test_no_broker_is_told(projectors: Projecting):
    said = await refused(projectors, STRATO_NATS_URL=f"nats://{LOOPBACK}:{free_port()}")
    assert "is nats-server running there?" in said


async def test_a_setting_that_does_not_fit_is_told(projectors: Projecting):
    assert "STRATO_HTTP_PORT" in await refused(projectors, 2, STRATO_HTTP_PORT="eighty")


async def test_a_port_that_is_taken_is_told(projectors: Projecting):
    server = await asyncio.start_server(lambda *_: None, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    said = await refused(projectors, STRATO_HTTP_PORT=str(port))
    assert "in use" in said
    server.close()
    await server.wait_closed()
