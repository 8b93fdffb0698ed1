"""A log and a database, with the services on them where a test asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.administered import Administered
from support.projecting import Projecting, projecting
from support.service import ServiceProcess, service


@pytest.fixture
async def administered(nats_url: str, postgres_dsn: str) -> Administered:
    """The log and the database; nothing runs on them."""
    return Administered(nats_url, postgres_dsn)


@pytest.fixture
async def projector(administered: Administered, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    """A projector at work."""
    places = (administered.nats_url, administered.dsn, tmp_path)
    async with service("projector", *places) as running:
        yield running


@pytest.fixture
async def navigators(
    administered: Administered, projector: ServiceProcess, tmp_path: Path
) -> AsyncIterator[list[ServiceProcess]]:
    """Two navigators that share the requests."""
    places = (administered.nats_url, administered.dsn, tmp_path)
    async with service("navigator", *places) as first, service("navigator", *places) as second:
        yield [first, second]


@pytest.fixture
async def projectors(administered: Administered, tmp_path: Path) -> AsyncIterator[Projecting]:
    """Projectors that a test starts by itself."""
    async with projecting(administered.nats_url, administered.dsn, tmp_path) as found:
        yield found
