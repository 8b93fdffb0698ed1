"""Objects of any size, chunk by chunk: what every client of the object store can read."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing

import pytest

from stratoscope.broker.connection import Connection
from stratoscope.broker.objects import (
    BucketFull,
    BucketLimits,
    ObjectDamaged,
    ObjectGone,
    find_info,
)
from stratoscope.broker.transfers import chunks_of, put_object, uploading
from stratoscope_contracts.objects import CHUNK_BYTES

BUCKET = "strato-exports-default"
LIMITS = BucketLimits(60)


async def put(connection: Connection, name: str, *parts: bytes) -> None:
    async with uploading(connection, BUCKET, name, LIMITS) as upload:
        for part in parts:
            await upload.write(part)
        spill = await upload.finish()
    assert (spill.name, spill.size) == (name, sum(map(len, parts)))


async def got(connection: Connection, name: str) -> bytes:
    info = await find_info(connection.jetstream, BUCKET, name)
    async with aclosing(chunks_of(connection.jetstream, BUCKET, info)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_what_is_written_in_parts_is_one_object(connection: Connection) -> None:
    """For us, for nats-py, and in chunks that any server takes."""
    parts = [os.urandom(size) for size in (1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7, 0)]
    await put(connection, "one", *parts)
    await put(connection, "empty")
    assert await got(connection, "one") == b"".join(parts)
    assert await got(connection, "empty") == b""
    store = await connection.jetstream.object_store(BUCKET)
    assert (await store.get("one")).data == b"".join(parts)
    info = await store.get_info("one")
    assert info.chunks == 5
    assert (await store.status()).ttl == 60


async def test_an_upload_that_fails_leaves_nothing(connection: Connection) -> None:
    """Neither an object nor its chunks."""
    await put(connection, "before", b"x")
    store = await connection.jetstream.object_store(BUCKET)
    size = (await store.status()).size
    with pytest.raises(ValueError, match="gave up"):
        await _give_up(connection)
    assert (await store.status()).size == size
    with pytest.raises(ObjectGone):
        await find_info(connection.jetstream, BUCKET, "never")


async def test_what_is_not_there_or_damaged_is_told(connection: Connection) -> None:
    """A missing bucket, a missing part, other bytes, a link."""
    with pytest.raises(ObjectGone):
        await find_info(connection.jetstream, BUCKET, "one")
    await put(connection, "one", os.urandom(2 * CHUNK_BYTES))
    info = await find_info(connection.jetstream, BUCKET, "one")
    await connection.jetstream.publish(f"$O.{BUCKET}.C.{info.nuid}", b"more")
    info.chunks = 3
    with pytest.raises(ObjectDamaged):
        [chunk async for chunk in chunks_of(connection.jetstream, BUCKET, info)]
    info.chunks = 4
    info.size = (info.size or 0) + 4
    with pytest.raises(ObjectGone, match="lost a part"):
        [chunk async for chunk in chunks_of(connection.jetstream, BUCKET, info)]
    store = await connection.jetstream.object_store(BUCKET)
    await store.put("two", b"x")
    lying = await store.get_info("two")
    lying.digest = "SHA-256="
    with pytest.raises(ObjectDamaged):
        [chunk async for chunk in chunks_of(connection.jetstream, BUCKET, lying)]


async def _give_up(connection: Connection) -> None:
    async with uploading(connection, BUCKET, "never", LIMITS) as upload:
        await upload.write(os.urandom(3 * CHUNK_BYTES))
        raise ValueError("gave up")


async def test_a_full_bucket_is_told_and_keeps_no_part(connection: Connection) -> None:
    """An export into it would else be sent again for ever."""
    limits = BucketLimits(60, max_bytes=4 * CHUNK_BYTES)
    await put_object(connection, BUCKET, "one", bytes(2 * CHUNK_BYTES), limits)
    store = await connection.jetstream.object_store(BUCKET)
    size = (await store.status()).size
    async with asyncio.timeout(10):
        with pytest.raises(BucketFull):
            await put_object(connection, BUCKET, "two", bytes(3 * CHUNK_BYTES), limits)
    assert (await store.status()).size == size
    assert await got(connection, "one") == bytes(2 * CHUNK_BYTES)
