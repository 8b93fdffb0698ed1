"""Replies too large for a message are kept in the object store for a while."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing

import pytest

from stratoscope.broker.connection import Connection
from stratoscope.broker.objects import BucketLimits, ObjectDamaged, ObjectGone, find_info
from stratoscope.broker.transfers import chunks_of, put_object
from stratoscope_contracts.words import spill_bucket
from support.eventually import eventually

BUCKET = spill_bucket("default")
LIMITS = BucketLimits(3600, max_bytes=64 << 20)


async def get_object(connection: Connection, bucket: str, name: str) -> bytes:
    info = await find_info(connection.jetstream, bucket, name)
    async with aclosing(chunks_of(connection.jetstream, bucket, info)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_an_object_comes_back_as_it_was_put(connection: Connection) -> None:
    """Larger than any message, in a bucket made at the first need and found at the second."""
    body = os.urandom(9 * 1024 * 1024)
    spill = await put_object(connection, BUCKET, "one", body, LIMITS)
    await put_object(connection, BUCKET, "empty", b"", LIMITS)
    assert (spill.bucket, spill.name, spill.size) == (BUCKET, "one", len(body))
    assert spill.digest.startswith("SHA-256=")
    assert await get_object(connection, BUCKET, "one") == body
    assert await get_object(connection, BUCKET, "empty") == b""
    status = await (await connection.jetstream.object_store(BUCKET)).status()
    assert status.ttl == 3600
    info = await connection.jetstream.stream_info(f"OBJ_{BUCKET}")
    assert info.config.max_bytes == 64 << 20


async def test_two_replicas_may_make_the_bucket_at_once(connection: Connection) -> None:
    """Each answers a large reply at the same moment."""
    await asyncio.gather(
        *(put_object(connection, BUCKET, f"{n}", b"x", BucketLimits(5 + n)) for n in range(4))
    )
    assert await get_object(connection, BUCKET, "3") == b"x"


@pytest.mark.parametrize("name", ["never", "other"])
async def test_an_object_that_is_not_there_is_told(connection: Connection, name: str) -> None:
    """Neither in a bucket that exists nor in one that does not."""
    await put_object(connection, BUCKET, "one", b"x", LIMITS)
    bucket = BUCKET if name == "never" else spill_bucket("other")
    with pytest.raises(ObjectGone, match="expired"):
        await get_object(connection, bucket, name)


async def test_an_object_is_gone_after_its_time(connection: Connection) -> None:
    """The stream behind the bucket drops it."""
    await put_object(connection, BUCKET, "one", b"x", BucketLimits(0.2))
    await eventually(lambda: is_gone(connection))


async def is_gone(connection: Connection) -> bool:
    try:
        await get_object(connection, BUCKET, "one")
    except ObjectGone:
        return True
    return False


async def test_a_damaged_object_is_told(connection: Connection) -> None:
    """Its digest is checked over the bytes that came."""
    await put_object(connection, BUCKET, "one", b"some bytes", LIMITS)
    store = await connection.jetstream.object_store(BUCKET)
    info = await store.get_info("one")
    stream = f"OBJ_{BUCKET}"
    await connection.jetstream.purge_stream(stream, subject=f"$O.{BUCKET}.C.{info.nuid}")
    await connection.jetstream.publish(f"$O.{BUCKET}.C.{info.nuid}", b"other bytes")
    with pytest.raises(ObjectDamaged):
        await get_object(connection, BUCKET, "one")
