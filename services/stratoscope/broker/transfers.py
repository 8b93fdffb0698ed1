"""Objects of any size, up and down, chunk by chunk, in the object store's own layout (ADR-20).

nats-py reads a whole object into memory, and puts one only from something that can be read. Here an
object is written as it comes into being: its chunks first, and at the end the message that makes
them an object. One that is never finished is no object, and its chunks are taken away.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ObjectInfo
from nats.js.errors import NotFoundError

from stratoscope.broker.connection import Connection
from stratoscope.broker.objects import CHUNK_BYTES, ObjectDamaged, ObjectGone, find_or_make
from stratoscope.broker.publishing import Outgoing, Publisher
from stratoscope_contracts.envelopes import Spill

_LONGEST_NAME: Final = 1024
_ROLLUP: Final = {"Nats-Rollup": "sub"}


class Upload:
    """An object that comes into being."""

    def __init__(self, connection: Connection, bucket: str, name: str) -> None:
        self._publisher = Publisher(connection)
        self._bucket = bucket
        self._name = name
        self._nuid = secrets.token_hex(11)
        self._digest = sha256()
        self._pending = bytearray()
        self._chunks = 0
        self.size = 0

    @property
    def chunk_subject(self) -> str:
        """Where its chunks go."""
        return f"$O.{self._bucket}.C.{self._nuid}"

    async def write(self, data: bytes) -> None:
        """Add bytes; they are sent as soon as they fill a chunk."""
        self._pending += data
        while len(self._pending) >= CHUNK_BYTES:
            chunk = bytes(self._pending[:CHUNK_BYTES])
            del self._pending[:CHUNK_BYTES]
            await self._send(chunk)

    async def finish(self) -> Spill:
        """Send what is left, and make it an object."""
        if self._pending:
            await self._send(bytes(self._pending))
        digest = f"SHA-256={base64.urlsafe_b64encode(self._digest.digest()).decode()}"
        info = {
            "name": self._name,
            "bucket": self._bucket,
            "nuid": self._nuid,
            "size": self.size,
            "mtime": datetime.now(UTC).isoformat(),
            "chunks": self._chunks,
            "digest": digest,
            "options": {"max_chunk_size": CHUNK_BYTES},
        }
        subject = f"$O.{self._bucket}.M.{base64.urlsafe_b64encode(self._name.encode()).decode()}"
        await self._publisher.publish(
            Outgoing(subject, orjson.dumps(info), f"{self._nuid}.meta", _ROLLUP)
        )
        return Spill(bucket=self._bucket, name=self._name, size=self.size, digest=digest)

    async def _send(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._chunks += 1
        self.size += len(chunk)
        # The id makes a chunk that is sent again, its acknowledgement being lost, the same one.
        message_id = f"{self._nuid}.{self._chunks}"
        await self._publisher.publish(Outgoing(self.chunk_subject, chunk, message_id))


@asynccontextmanager
async def uploading(
    connection: Connection, bucket: str, name: str, *, ttl: float | None, replicas: int = 1
) -> AsyncIterator[Upload]:
    """An upload into a bucket, made if missing, whose objects last `ttl` seconds (None: for good).

    Left by an exception, it leaves nothing behind.
    """
    await find_or_make(connection.jetstream, bucket, ttl, replicas)
    upload = Upload(connection, bucket, name)
    try:
        yield upload
    except BaseException:
        with suppress(NatsError):
            await connection.jetstream.purge_stream(f"OBJ_{bucket}", subject=upload.chunk_subject)
        raise


async def object_info(jetstream: JetStreamContext, bucket: str, name: str) -> ObjectInfo:
    """What is known of an object. Raises ObjectGone, also for a link to another."""
    if len(name) > _LONGEST_NAME:
        raise ObjectGone(f"no object in {bucket} has a name of {len(name)} characters")
    try:
        info = await (await jetstream.object_store(bucket)).get_info(name)
    except NotFoundError as error:
        raise ObjectGone(f"no object {name} in {bucket}: it may have expired") from error
    if info.is_link():
        raise ObjectGone(f"{name} in {bucket} is a link")
    return info


async def chunks_of(
    jetstream: JetStreamContext, bucket: str, info: ObjectInfo
) -> AsyncIterator[bytes]:
    """The bytes of an object, in pieces. Raises ObjectGone and, at the end, ObjectDamaged."""
    subject, stream = f"$O.{bucket}.C.{info.nuid}", f"OBJ_{bucket}"
    digest, size, after = sha256(), 0, 0
    for _ in range(info.chunks or 0):
        try:
            chunk = await jetstream.get_msg(stream, seq=after + 1, subject=subject, next=True)
        except NotFoundError as error:
            raise ObjectGone(f"the object {info.name} in {bucket} has lost a part") from error
        data, after = chunk.data or b"", chunk.seq or 0
        size += len(data)
        if size > (info.size or 0):
            break
        digest.update(data)
        yield data
    said = (info.digest or "").removeprefix("SHA-256=").rstrip("=")
    # Some clients leave the padding off.
    if size != info.size or said != base64.urlsafe_b64encode(digest.digest()).decode().rstrip("="):
        raise ObjectDamaged(f"the object {info.name} in {bucket} is damaged")
