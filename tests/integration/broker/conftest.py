"""A connection to the test's own broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stratoscope.broker.connection import Connection, connect


@pytest.fixture
async def connection(nats_url: str) -> AsyncIterator[Connection]:
    """Connected, with no streams yet."""
    opened = await connect(nats_url, name="test")
    yield opened
    await opened.close()
