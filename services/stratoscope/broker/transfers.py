"""Objects of any size, up and down, chunk by chunk, in the object store's own layout (ADR-20).

nats-py reads a whole object into memory, and puts one only from something that can be read. Here an
object is written as it comes into being: its chunks first, and at the end the message that makes
them an object. One that is never finished is no object, and its chunks are taken away.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ObjectInfo
from nats.js.errors import NotFoundError

from stratoscope.broker.connection import Connection
from stratoscope.broker.objects import (
    HEADER_OFFSET,
    NO_ROOM,
    BucketFull,
    BucketLimits,
    ObjectDamaged,
    ObjectGone,
    chunk_subject,
    find_or_make,
    info_subject,
    is_same_digest,
    new_hash,
    next_chunk,
    spell_digest,
    stream_of,
)
from stratoscope.broker.publishing import Outgoing, Publisher, PublishRefused
from stratoscope_contracts.envelopes import Spill
from stratoscope_contracts.objects import CHUNK_BYTES
from stratoscope_contracts.subjects import SubjectError

_ROLLUP: Final = {"Nats-Rollup": "sub"}


class Upload:
    """An object that comes into being."""

    def __init__(self, connection: Connection, bucket: str, name: str) -> None:
        self._publisher = Publisher(connection, refusals=NO_ROOM)
        self._bucket = bucket
        self._name = name
        self._nuid = secrets.token_hex(11)
        self._digest = new_hash()
        self._pending = bytearray()
        self._chunks = 0
        self.size = 0

    @property
    def chunk_subject(self) -> str:
        """Where its chunks go."""
        return chunk_subject(self._bucket, self._nuid)

    async def write(self, data: bytes) -> None:
        """Add bytes; they are sent as soon as they fill a chunk. Raises BucketFull."""
        self._pending += data
        while len(self._pending) >= CHUNK_BYTES:
            chunk = bytes(self._pending[:CHUNK_BYTES])
            del self._pending[:CHUNK_BYTES]
            await self._send(chunk)

    async def finish(self) -> Spill:
        """Send what is left, and make it an object. Raises BucketFull."""
        if self._pending:
            await self._send(bytes(self._pending))
        digest = spell_digest(self._digest)
        info = description(
            self._bucket, self._name, self._nuid, self.size, self._chunks, digest, CHUNK_BYTES
        )
        subject = info_subject(self._bucket, self._name)
        await self._publish(Outgoing(subject, orjson.dumps(info), f"{self._nuid}.meta", _ROLLUP))
        return Spill(bucket=self._bucket, name=self._name, size=self.size, digest=digest)

    async def _send(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._chunks += 1
        headers = {HEADER_OFFSET: str(self.size)}
        self.size += len(chunk)
        # The id makes a chunk that is sent again, its acknowledgement being lost, the same one.
        message_id = f"{self._nuid}.{self._chunks}"
        await self._publish(Outgoing(self.chunk_subject, chunk, message_id, headers))

    async def _publish(self, message: Outgoing) -> None:
        try:
            await self._publisher.publish(message)
        except PublishRefused as error:
            if error.err_code not in NO_ROOM:
                raise
            raise BucketFull(f"the bucket {self._bucket} is full") from error


def description(
    bucket: str, name: str, nuid: str, size: int, chunks: int, digest: str, longest: int
) -> dict[str, Any]:
    """The message that makes chunks an object; `longest` is the most bytes that one of them has."""
    return {
        "name": name,
        "bucket": bucket,
        "nuid": nuid,
        "size": size,
        "mtime": datetime.now(UTC).isoformat(),
        "chunks": chunks,
        "digest": digest,
        "options": {"max_chunk_size": longest},
    }


@asynccontextmanager
async def uploading(
    connection: Connection, bucket: str, name: str, limits: BucketLimits
) -> AsyncIterator[Upload]:
    """An upload into a bucket, created with these limits if missing. Raises BucketFull.

    Left by an exception, it leaves nothing behind.
    """
    await find_or_make(connection.jetstream, bucket, limits)
    upload = Upload(connection, bucket, name)
    try:
        yield upload
    except BaseException:
        with suppress(NatsError):
            await connection.jetstream.purge_stream(stream_of(bucket), subject=upload.chunk_subject)
        raise


async def put_object(
    connection: Connection, bucket: str, name: str, body: bytes, limits: BucketLimits
) -> Spill:
    """Keep `body` in `bucket`, created with these limits if missing. Raises BucketFull."""
    async with uploading(connection, bucket, name, limits) as upload:
        await upload.write(body)
        return await upload.finish()


async def chunks_of(
    jetstream: JetStreamContext, bucket: str, info: ObjectInfo
) -> AsyncIterator[bytes]:
    """The bytes of an object, in pieces. Raises ObjectGone and, at the end, ObjectDamaged."""
    try:
        subject = chunk_subject(bucket, info.nuid)
    except SubjectError as error:
        raise ObjectDamaged(f"the object {info.name} in {bucket} is damaged") from error
    digest, size, after = new_hash(), 0, 0
    for _ in range(info.chunks or 0):
        try:
            chunk = await next_chunk(jetstream, bucket, subject, after + 1)
        except NotFoundError as error:
            raise ObjectGone(f"the object {info.name} in {bucket} has lost a part") from error
        data, after = chunk.data or b"", chunk.seq or 0
        size += len(data)
        if size > (info.size or 0):
            break
        digest.update(data)
        yield data
    if size != info.size or not is_same_digest(info.digest or "", spell_digest(digest)):
        raise ObjectDamaged(f"the object {info.name} in {bucket} is damaged")
