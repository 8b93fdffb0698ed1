"""One stack, on which everything that is counted happens at least once."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from support import stack
from support.busy import Busy
from support.held import Stand
from support.watched import hits_of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(
    backend: str, shared_postgres: stack.PostgresServer, migrated: str
) -> AsyncIterator[Busy]:
    """Broker, database, projector and navigator, and who gives them work."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-watching-"))
    server = stack.new_nats(backend, folder)
    try:
        with stack.new_database(shared_postgres, migrated) as dsn:
            stand = Stand(server, dsn, folder)
            await stand.open()
            try:
                async with hits_of(server.url, dsn) as hits:
                    found = Busy(stand, hits)
                    await found.begin()
                    yield found
            finally:
                await stand.close()
    finally:
        server.close()
        shutil.rmtree(folder)
