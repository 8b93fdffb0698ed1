"""Replies too large for a message: kept in the object store, and named in the reply."""

from typing import Protocol
from uuid import uuid4

from stratoscope.broker.connection import Connection
from stratoscope.broker.objects import BucketLimits
from stratoscope.broker.transfers import put_object
from stratoscope.navigator.objects import told_full
from stratoscope_contracts.envelopes import SpilledReply
from stratoscope_contracts.words import spill_bucket


class Spills(Protocol):
    """Where a large reply is kept."""

    async def keep(self, space: str, reply: bytes) -> bytes:
        """Keep a reply, and give the one that takes its place."""
        ...


class ObjectSpills:
    """Large replies in the object store of the space."""

    def __init__(self, connection: Connection, limits: BucketLimits) -> None:
        self._connection = connection
        self._limits = limits

    async def keep(self, space: str, reply: bytes) -> bytes:
        """Keep a reply for an hour. Raises OverBudget where the bucket of the space is full."""
        bucket = spill_bucket(space)
        with told_full(bucket):
            spill = await put_object(self._connection, bucket, str(uuid4()), reply, self._limits)
        return SpilledReply(spilled=spill).model_dump_json().encode()
