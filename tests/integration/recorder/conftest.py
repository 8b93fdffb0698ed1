"""A broker with the streams, and a way to read the log back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from support.log import Log


@pytest.fixture
async def connection(nats_url: str) -> AsyncIterator[Connection]:
    """Connected to a broker whose streams are made."""
    opened = await connect(nats_url, name="test")
    await ensure_streams(opened.jetstream, StreamSettings())
    yield opened
    await opened.close()


@pytest.fixture
def log(connection: Connection) -> Log:
    """What the broker has stored."""
    return Log(connection)
