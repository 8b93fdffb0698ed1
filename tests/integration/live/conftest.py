"""One stack for all that is claimed of breakpoints that are watched live."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stratoscope.navigator.live import lane
from support import stack
from support.held import OFTEN, Stand
from support.lane import Watching, watching_over
from support.watched import Hits, hits_of


@pytest.fixture
async def watching(
    projection_dsn: str, nats_server: stack.NatsServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watching]:
    """A lane over a projection of its own, which does all at once however busy the machine is."""
    monkeypatch.setattr(lane, "_AT_ONCE_SECONDS", 60.0)
    async with watching_over(projection_dsn, nats_server.url) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(backend: str, shared_postgres: stack.PostgresServer) -> AsyncIterator[Stand]:
    """Broker, database, projector and navigator."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-live-"))
    server = stack.new_nats(backend, folder)
    try:
        with stack.new_database(shared_postgres) as dsn:
            found = Stand(server, dsn, folder)
            await found.open(**OFTEN)
            try:
                yield found
            finally:
                await found.close()
    finally:
        server.close()
        shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hits(stand: Stand) -> AsyncIterator[Hits]:
    """Who records, and sees what is hit."""
    async with hits_of(stand.server.url, stand.dsn) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def cleared(stand: Stand) -> AsyncIterator[None]:
    """No test has the breakpoints of another, also where that one has failed."""
    yield
    for one in (await stand.ask("breakpoint.list", limit=1000))["breakpoints"]:
        await stand.ask("breakpoint.remove", id=one["id"])
