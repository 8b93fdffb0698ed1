"""What is told of a batch is about that batch, however much was recorded before."""

from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

from nats.aio.client import Client

from stratoscope.broker import feed
from stratoscope.domain.records import Batch, Head
from stratoscope.projector.feeding import Feeding, Interest
from stratoscope.store.leases import Held

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Sent:
    """What is published."""

    max_payload = 8 << 20

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def publish(self, subject: str, body: bytes) -> None:
        self.bodies.append(body)


async def test_of_all_event_types_only_those_of_the_batch_are_told():
    """An agent names its own types, a hundred thousand of them for a few megabytes."""
    types = {number: f"type_{number}.{'x' * 50}" for number in range(100_000)}
    interest, sent = Interest(), Sent()
    interest.heard(feed.Watched("a navigator", ["default"]))
    batch = Batch()
    batch.heads["default", "walker"] = Head(1, next_event=1)
    batch.clocks["default", "walker"] = NOW
    event = (0, 1, NOW, NOW, None, 1, 70_000, 0, 1, uuid4(), "{}", None, None, None, None)
    batch.events.append(event)
    feeding = Feeding(cast(Client, sent), "projection", interest)
    assert await feeding.committed((), batch, types, [Held(3, 1, 0, 0, b"")], 1)
    told = feed.decode_committed(sent.bodies[0])
    assert told is not None
    assert told.whole
    assert told.types == {70_000: types[70_000]}
    assert len(sent.bodies[0]) < 1000
