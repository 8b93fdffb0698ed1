"""A stack that records, is held, shared and broken into, for all that is claimed of its data."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support import stack
from support.administered import Administered
from support.service import ServiceProcess, service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def administered(
    backend: str, shared_postgres: stack.PostgresServer
) -> AsyncIterator[Administered]:
    """A log and a database; nothing runs on them yet."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-protection-"))
    server = stack.new_nats(backend, folder)
    try:
        with stack.new_database(shared_postgres) as dsn:
            yield Administered(server.url, dsn)
    finally:
        server.close()
        shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def projector(
    administered: Administered, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceProcess]:
    """A projector at work."""
    folder = tmp_path_factory.mktemp("projector")
    async with service("projector", administered.nats_url, administered.dsn, folder) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def navigator(
    administered: Administered,
    projector: ServiceProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ServiceProcess]:
    """A navigator that answers."""
    folder = tmp_path_factory.mktemp("navigator")
    async with service("navigator", administered.nats_url, administered.dsn, folder) as running:
        yield running
