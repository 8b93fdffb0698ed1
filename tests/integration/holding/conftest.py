"""One stack for all that is told of holding."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

import stratoscope
from support import stack
from support.held import Stand


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(backend: str, shared_postgres: stack.PostgresServer) -> AsyncIterator[Stand]:
    """Broker, database, projector and navigator."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-held-"))
    server = stack.new_nats(backend, folder)
    try:
        with stack.new_database(shared_postgres) as dsn:
            found = Stand(server, dsn, folder)
            try:
                await found.open()
                yield found
            finally:
                await found.close()
    finally:
        server.close()
        shutil.rmtree(folder)


@pytest_asyncio.fixture(loop_scope="module")
async def strato(stand: Stand) -> AsyncIterator[stratoscope.Recorder]:
    """A recorder of that stack."""
    async with stratoscope.connect(stand.server.url, wait_connected=5) as recorder:
        yield recorder
