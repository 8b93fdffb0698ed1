"""A projector as a process, and somebody who publishes to it whatever there is to publish."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from support.projecting import Projecting, projecting
from support.service import ServiceProcess


class Publishing:
    """Publishes records, right or wrong, and tells where the stream put them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.client = connection.client
        self.jetstream = connection.jetstream

    async def __call__(
        self,
        agent: str,
        kind: str,
        body: Any,
        headers: dict[str, str] | None = None,
        *,
        space: str = "default",
    ) -> int:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        subject = f"strato.{space}.rec.{agent}.{kind}"
        return (await self.jetstream.publish(subject, raw, headers=headers)).seq


@pytest.fixture
async def publish(nats_url: str) -> AsyncIterator[Publishing]:
    """Connected to a broker whose streams are made."""
    opened = await connect(nats_url, name="test")
    await ensure_streams(opened.jetstream, StreamSettings())
    yield Publishing(opened)
    await opened.close()


@pytest.fixture
async def projectors(nats_url: str, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Projecting]:
    """None runs yet; none runs afterwards."""
    async with projecting(nats_url, postgres_dsn, tmp_path) as found:
        yield found


@pytest.fixture
async def running(publish: Publishing, projectors: Projecting) -> ServiceProcess:
    """A projector that is ready, over streams that were there before it."""
    return await projectors.start()
