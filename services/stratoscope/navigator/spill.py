"""Replies too large for a message: kept in the object store, and named in the reply."""

from typing import Protocol
from uuid import uuid4

from nats.js import JetStreamContext

from stratoscope.broker.objects import put_object
from stratoscope_contracts.envelopes import SpilledReply
from stratoscope_contracts.words import spill_bucket


class Spills(Protocol):
    """Where a large reply is kept."""

    async def keep(self, space: str, reply: bytes) -> bytes:
        """Keep a reply, and give the one that takes its place."""
        ...


class ObjectSpills:
    """Large replies in the object store of the space."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def keep(self, space: str, reply: bytes) -> bytes:
        """Keep a reply for an hour."""
        spill = await put_object(self._jetstream, spill_bucket(space), str(uuid4()), reply)
        return SpilledReply(spilled=spill).model_dump_json().encode()
