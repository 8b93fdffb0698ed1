"""Uploads whose chunks come as requests, and stretches of objects: on a real broker."""

from __future__ import annotations

import base64
import hashlib
import os
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest
from nats.js.api import ObjectMeta, ObjectMetaOptions

from stratoscope.broker import objects
from stratoscope.broker.connection import Connection
from stratoscope.broker.object_ranges import ObjectRanges
from stratoscope.broker.objects import (
    BucketFull,
    BucketLimits,
    ObjectDamaged,
    ObjectGone,
    find_info,
)
from stratoscope.broker.staging import Chunk, Staging, nuid_of
from stratoscope.broker.transfers import chunks_of, put_object, uploading
from stratoscope_contracts.errors import BadRequest, OverBudget
from stratoscope_contracts.objects import CHUNK_BYTES, MIN_CHUNK_BYTES

BUCKET = "strato-exports-default"
LIMITS = BucketLimits(600, max_bytes=64 << 20)
MOST = 16 << 20
UPLOAD = "upload-of-a-test"


def replica(connection: Connection, limits: BucketLimits = LIMITS) -> Staging:
    """A replica of the navigator that has seen nothing yet."""
    return Staging(connection.jetstream, ObjectRanges(connection.jetstream), limits, MOST)


def digest(data: bytes) -> str:
    return "SHA-256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()


def chunk(data: bytes, offset: int, last: bool = False, told: str | None = None) -> Chunk:
    return Chunk(UPLOAD, "one", offset, data, last, told)


def chunks(data: bytes, size: int = MIN_CHUNK_BYTES) -> list[Chunk]:
    """A whole upload."""
    ends = [*range(size, len(data), size), len(data)]
    starts = [0, *ends[:-1]]
    return [
        chunk(data[start:end], start, end == len(data), digest(data) if end == len(data) else None)
        for start, end in zip(starts, ends, strict=True)
    ]


async def got(connection: Connection, name: str = "one") -> bytes:
    info = await find_info(connection.jetstream, BUCKET, name)
    async with aclosing(chunks_of(connection.jetstream, BUCKET, info)) as found:
        return b"".join([one async for one in found])


async def stored(connection: Connection) -> int:
    """Messages in the bucket."""
    return (await connection.jetstream.stream_info(f"OBJ_{BUCKET}")).state.messages


async def test_two_replicas_take_turns_and_nats_clients_can_read_it(connection: Connection) -> None:
    """Neither knows more than the broker."""
    data = os.urandom(5 * MIN_CHUNK_BYTES + 3)
    replicas = [replica(connection), replica(connection)]
    for number, one in enumerate(chunks(data)):
        taken = await replicas[number % 2].put(BUCKET, one)
        assert taken.size == one.end
    assert taken.digest == digest(data)
    assert await got(connection) == data
    store = await connection.jetstream.object_store(BUCKET)
    assert (await store.get("one")).data == data


async def test_each_chunk_may_come_twice_to_any_replica(connection: Connection) -> None:
    """The reply may be lost; also that of the last one."""
    data = os.urandom(3 * MIN_CHUNK_BYTES)
    one, other = replica(connection), replica(connection)
    for part in chunks(data):
        first = await one.put(BUCKET, part)
        assert await other.put(BUCKET, part) == first
        assert await one.put(BUCKET, part) == first
    assert await one.put(BUCKET, chunks(data)[0]) == first
    assert await got(connection) == data
    assert await stored(connection) == 4


async def test_an_empty_file_is_an_object(connection: Connection) -> None:
    taken = await replica(connection).put(BUCKET, chunk(b"", 0, True, digest(b"")))
    assert (taken.size, taken.digest) == (0, digest(b""))
    assert await got(connection) == b""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (chunk(b"y" * MIN_CHUNK_BYTES, 2 * MIN_CHUNK_BYTES), "begins at 65536, not at 131072"),
        (chunk(b"y" * MIN_CHUNK_BYTES, 0), "other bytes were taken before"),
        (chunk(b"x" * MIN_CHUNK_BYTES, 7), "begins at 65536, not at 7"),
        (chunk(b"y", MIN_CHUNK_BYTES), "data"),
        (chunk(b"y" * (MOST // 8), MIN_CHUNK_BYTES), "data"),
        (chunk(b"y", MOST, True), "offset"),
        (chunk(b"y", MIN_CHUNK_BYTES, True, digest(b"else")), "digest"),
        (chunk(b"", 0, True), "last"),
    ],
)
async def test_what_does_not_fit_is_refused_in_words(
    connection: Connection, wrong: Chunk, told: str
) -> None:
    """A gap, other bytes, too small, too large, another digest; by a replica of any memory."""
    one = replica(connection)
    await one.put(BUCKET, chunk(b"x" * MIN_CHUNK_BYTES, 0))
    for answering in (one, replica(connection)):
        with pytest.raises(BadRequest) as found:
            await answering.put(BUCKET, wrong)
        assert told in f"{found.value.message} {found.value.details}"
    with pytest.raises(ObjectGone):
        await find_info(connection.jetstream, BUCKET, "one")


async def test_the_name_of_another_object_is_refused(connection: Connection) -> None:
    """An export can't be replaced by an upload, nor one upload by another."""
    await put_object(connection, BUCKET, "one", b"an export", LIMITS)
    with pytest.raises(BadRequest) as found:
        await replica(connection).put(BUCKET, chunk(b"x", 0, True))
    assert "name already" in str(found.value.details)
    assert await got(connection) == b"an export"
    assert await stored(connection) == 2


async def test_a_full_bucket_is_told_while_staging(connection: Connection) -> None:
    one = replica(connection, BucketLimits(60, max_bytes=4 * MIN_CHUNK_BYTES))
    for number in range(3):
        await one.put(BUCKET, chunk(bytes(MIN_CHUNK_BYTES), number * MIN_CHUNK_BYTES))
    with pytest.raises(BucketFull):
        await one.put(BUCKET, chunk(bytes(MIN_CHUNK_BYTES), 3 * MIN_CHUNK_BYTES))


async def test_a_bucket_of_tiny_objects_is_full_as_well(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server keeps each object's subjects in memory: two gigabytes have room for a million."""
    monkeypatch.setattr(objects, "_FEWEST_MESSAGES", 4)
    one = replica(connection, BucketLimits(60, max_bytes=4 * MIN_CHUNK_BYTES))
    for number in range(2):
        await one.put(BUCKET, Chunk("an-upload", f"tiny {number}", 0, b"1", is_last=True))
    with pytest.raises(BucketFull):
        await one.put(BUCKET, Chunk("an-upload", "tiny 2", 0, b"1", is_last=True))
    assert BucketLimits(60, max_bytes=20 << 30).max_messages == 327_680
    assert BucketLimits(60).max_messages is None


async def test_an_abandoned_upload_is_swept_and_nothing_else(connection: Connection) -> None:
    """Neither a finished upload, nor an export, nor one that is under way."""
    one = replica(connection)
    data = os.urandom(2 * MIN_CHUNK_BYTES)
    for part in chunks(data):
        await one.put(BUCKET, part)
    await put_object(connection, BUCKET, "export", b"an export", LIMITS)
    begun = Chunk("another-upload", "two", 0, data[:MIN_CHUNK_BYTES])
    await one.put(BUCKET, begun)
    assert await one.sweep(BUCKET, datetime.now(UTC)) == 0
    later = datetime.now(UTC) + timedelta(hours=2)
    before = await stored(connection)
    assert await replica(connection).sweep(BUCKET, later) == 1
    assert await stored(connection) == before - 1
    assert await got(connection) == data
    # It may begin again, also at a replica that remembers it.
    assert (await one.put(BUCKET, begun)).size == MIN_CHUNK_BYTES
    assert await one.sweep("strato-exports-never", later) == 0


async def test_stretches_of_interleaved_objects_are_found(connection: Connection) -> None:
    """Cold, in any order, across chunks, and of objects that other clients wrote."""
    ours = {name: os.urandom(6 * CHUNK_BYTES + number) for number, name in enumerate("abc")}
    async with (
        uploading(connection, BUCKET, "a", LIMITS) as a,
        uploading(connection, BUCKET, "b", LIMITS) as b,
        uploading(connection, BUCKET, "c", LIMITS) as c,
    ):
        for start in range(0, 7 * CHUNK_BYTES, CHUNK_BYTES):
            for name, upload in (("a", a), ("b", b), ("c", c)):
                await upload.write(ours[name][start : start + CHUNK_BYTES])
        for upload in (a, b, c):
            await upload.finish()
    store = await connection.jetstream.object_store(BUCKET)
    foreign = os.urandom(40 * 1024 + 11)
    meta = ObjectMeta(name="d", options=ObjectMetaOptions(max_chunk_size=1024))
    await store.put("d", foreign, meta)
    for name, data in {**ours, "d": foreign}.items():
        info = await find_info(connection.jetstream, BUCKET, name)
        for offset in (len(data) - 5, len(data) // 2, 0, len(data) - 1, 1023, len(data), 10**9):
            ranges = ObjectRanges(connection.jetstream)
            limit = 2000
            assert await ranges.read(info, offset, limit) == data[offset : offset + limit]
        assert await ranges.read(info, 0, len(data)) == data


async def test_a_search_that_takes_long_goes_on_where_it_was(connection: Connection) -> None:
    """An object in many small chunks, as another client may have written it."""
    await put_object(connection, BUCKET, "first", b"x", LIMITS)
    store = await connection.jetstream.object_store(BUCKET)
    data = os.urandom(200)
    await store.put("d", data, ObjectMeta(name="d", options=ObjectMetaOptions(max_chunk_size=1)))
    ranges = ObjectRanges(connection.jetstream)
    info = await find_info(connection.jetstream, BUCKET, "d")
    tries = 0
    while True:
        tries += 1
        try:
            found = await ranges.read(info, 199, 1)
        except OverBudget:
            continue
        break
    assert (found, tries) == (data[199:], 4)


async def test_a_description_that_lies_reaches_nothing_else(connection: Connection) -> None:
    """Its chunks' id can't be a wildcard, nor its places be others'."""
    await put_object(connection, BUCKET, "one", b"some bytes", LIMITS)
    info = await find_info(connection.jetstream, BUCKET, "one")
    for nuid in ("*", ">", "a.b", ""):
        info.nuid = nuid
        with pytest.raises(ObjectDamaged):
            await ObjectRanges(connection.jetstream).read(info, 0, 5)
    info.nuid = nuid_of(BUCKET, "never", "never")
    with pytest.raises(ObjectGone):
        await ObjectRanges(connection.jetstream).read(info, 0, 5)


async def test_uploads_of_one_space_do_not_have_another_space_hash_anew(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is refused, and forgotten before the upload that is under way."""
    monkeypatch.setattr("stratoscope.broker.staging._HASH_SECONDS", -1.0)
    data, one = os.urandom(2 * MIN_CHUNK_BYTES), replica(connection)
    first, last = chunks(data)
    await one.put(BUCKET, first)
    for number in range(300):
        flood = Chunk(f"upload-{number}", "one", MIN_CHUNK_BYTES, b"x", True)
        with pytest.raises(BadRequest):
            await one.put("strato-exports-other", flood)
    # What is not hashed yet is left to later requests here, and to none if it is forgotten again.
    assert (await one.put(BUCKET, last)).digest == digest(data)
