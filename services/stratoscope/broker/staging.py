"""Uploads whose chunks come as requests, to any replica.

The chunks stand in the bucket from the first one on, under a subject derived from the upload's id
and the object's name: they are the object's own, and the message at the end makes them one. Each
says where it begins, and the stream takes it only right behind the one that was last when its
place was judged. So two replicas can't both append, and what a replica remembers of an upload may
be lost or stale: it is read again.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import orjson
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import ObjectInfo, ObjectMetaOptions
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from stratoscope.broker.fair_cache import FairCache
from stratoscope.broker.object_ranges import ObjectRanges, offset_of
from stratoscope.broker.objects import (
    HEADER_OFFSET,
    NO_ROOM,
    BucketFull,
    BucketLimits,
    Hash,
    ObjectGone,
    chunk_subject,
    find_info,
    find_or_make,
    info_subject,
    is_same_digest,
    new_hash,
    spell_digest,
    stream_of,
)
from stratoscope.broker.purging import count_messages
from stratoscope.broker.transfers import description
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.objects import (
    MAX_CHUNK_BYTES,
    MIN_CHUNK_BYTES,
    UPLOAD_KEPT_SECONDS,
)

# Of a staged chunk: the name of the object, as its description's subject spells it.
HEADER_OBJECT: Final = "Strato-Object"
_EXPECTED_LAST: Final = "Nats-Expected-Last-Subject-Sequence"
_WRONG_LAST: Final = 10071
_PREFIX: Final = "upload-"
_UPLOADS_KEPT: Final = 256
_MOST_TRIES: Final = 5
# A reply comes well within a client's patience; what is left to hash is hashed by later requests.
_HASH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a request brings."""

    upload: str
    name: str
    offset: int
    data: bytes
    is_last: bool = False
    digest: str | None = None

    @property
    def end(self) -> int:
        """Where the chunk behind it begins."""
        return self.offset + len(self.data)


@dataclass(frozen=True, slots=True)
class Taken:
    """How far an upload is; a digest once it is an object."""

    size: int
    digest: str | None = None


@dataclass(slots=True)
class _Upload:
    """What a replica remembers of an upload; `seq` is its last chunk's, 0 before the first."""

    info: ObjectInfo
    size: int = 0
    seq: int = 0
    is_known: bool = False
    hash: Hash = field(default_factory=new_hash)
    hashed: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Staging:
    """Takes the chunks of uploads, of at most `most_bytes` each."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        ranges: ObjectRanges,
        limits: BucketLimits,
        most_bytes: int,
    ) -> None:
        self._jetstream = jetstream
        self._ranges = ranges
        self._limits = limits
        self._most_bytes = most_bytes
        # Of all spaces: an upload that is forgotten is hashed anew from its first byte.
        self._uploads: FairCache[_Upload] = FairCache(_UPLOADS_KEPT)

    async def put(self, bucket: str, chunk: Chunk) -> Taken:
        """Take a chunk, and with the last one make the object.

        Raises BadRequest for a chunk that does not fit, and BucketFull.
        """
        self._check_size(chunk)
        upload = self._upload_of(bucket, chunk)
        async with upload.lock:
            done = await self._completed(upload)
            if done is not None:
                return _again(done, chunk)
            await self._append(upload, chunk)
            if not chunk.is_last:
                return Taken(upload.size)
            return await self._complete(upload, chunk)

    async def sweep(self, bucket: str, now: datetime) -> int:
        """Delete the chunks of abandoned uploads; how many uploads those were."""
        pattern = chunk_subject(bucket, "x")[:-1] + "*"
        try:
            found = await self._jetstream.stream_info(stream_of(bucket), subjects_filter=pattern)
        except NotFoundError:
            return 0
        ids = [subject.rpartition(".")[2] for subject in found.state.subjects or {}]
        swept = 0
        for nuid in ids:
            if nuid.startswith(_PREFIX) and await self._is_abandoned(bucket, nuid, now):
                subject = chunk_subject(bucket, nuid)
                await self._jetstream.purge_stream(stream_of(bucket), subject=subject)
                self._uploads.pop(bucket, nuid)
                swept += 1
        return swept

    def _check_size(self, chunk: Chunk) -> None:
        size = len(chunk.data)
        if size > MAX_CHUNK_BYTES or (size < MIN_CHUNK_BYTES and not chunk.is_last):
            raise BadRequest.of_fields(
                (
                    "data",
                    f"a chunk has {MIN_CHUNK_BYTES} to {MAX_CHUNK_BYTES} bytes,"
                    " the last one fewer if need be",
                )
            )
        if chunk.end > self._most_bytes:
            raise BadRequest.of_fields(
                ("offset", f"an upload has at most {self._most_bytes} bytes")
            )

    def _upload_of(self, bucket: str, chunk: Chunk) -> _Upload:
        nuid = nuid_of(bucket, chunk.upload, chunk.name)
        if (upload := self._uploads.get(bucket, nuid)) is None:
            options = ObjectMetaOptions(max_chunk_size=MAX_CHUNK_BYTES)
            info = ObjectInfo(name=chunk.name, bucket=bucket, nuid=nuid, options=options)
            upload = _Upload(info)
            self._uploads.put(bucket, nuid, upload)
        return upload

    async def _completed(self, upload: _Upload) -> ObjectInfo | None:
        """The object that this upload became. Raises BadRequest where the name is another's."""
        try:
            info = await find_info(self._jetstream, upload.info.bucket, upload.info.name)
        except ObjectGone:
            return None
        if info.nuid != upload.info.nuid:
            raise BadRequest.of_fields(("name", "there is an object of this name already"))
        return info

    async def _append(self, upload: _Upload, chunk: Chunk) -> None:
        """Take a chunk, or see that it was taken before."""
        is_fresh = False
        for _ in range(_MOST_TRIES):
            if not upload.is_known:
                await self._look(upload)
                is_fresh = True
            if chunk.end <= upload.size or not chunk.data:
                if await self._is_taken(upload, chunk):
                    return
                continue
            if chunk.offset != upload.size and is_fresh:
                raise _gap(upload, chunk)
            if chunk.offset != upload.size:
                # Another replica may have taken what is missing here.
                upload.is_known = False
            elif await self._sent(upload, chunk):
                return
        raise BadRequest.of_whole(
            "other chunks of this upload come at the same time: send each after the reply to the"
            " one before"
        )

    async def _look(self, upload: _Upload) -> None:
        """Read how far an upload is."""
        bucket, nuid = upload.info.bucket, upload.info.nuid
        try:
            last = await self._jetstream.get_last_msg(
                stream_of(bucket), chunk_subject(bucket, nuid)
            )
        except NotFoundError:
            upload.size = upload.seq = 0
        else:
            upload.size = (offset_of(last) or 0) + len(last.data or b"")
            upload.seq = last.seq or 0
        if upload.hashed > upload.size:
            upload.hash, upload.hashed = new_hash(), 0
        upload.is_known = True

    async def _is_taken(self, upload: _Upload, chunk: Chunk) -> bool:
        """Whether a chunk was taken before; False where the upload was swept meanwhile.

        Raises BadRequest where other bytes were taken.
        """
        if chunk.offset > upload.size:
            raise _gap(upload, chunk)
        known = _sized(upload)
        try:
            there = await self._ranges.read(known, chunk.offset, len(chunk.data))
        except ObjectGone:
            upload.is_known = False
            return False
        if there != chunk.data:
            raise BadRequest.of_fields(
                ("data", f"other bytes were taken before at {chunk.offset}: begin a new upload")
            )
        return True

    async def _sent(self, upload: _Upload, chunk: Chunk) -> bool:
        """Append a chunk; False where that is in doubt, or another one was first."""
        info = upload.info
        headers = {
            HEADER_OFFSET: str(chunk.offset),
            HEADER_OBJECT: base64.urlsafe_b64encode(chunk.name.encode()).decode(),
            _EXPECTED_LAST: str(upload.seq),
        }
        upload.is_known = False
        subject = chunk_subject(info.bucket, info.nuid)
        ack = await self._published(info.bucket, subject, chunk.data, headers)
        if ack is None:
            return False
        upload.size, upload.seq, upload.is_known = chunk.end, ack, True
        if upload.hashed == chunk.offset:
            await asyncio.to_thread(upload.hash.update, chunk.data)
            upload.hashed = chunk.end
        return True

    async def _published(
        self, bucket: str, subject: str, body: bytes, headers: dict[str, str]
    ) -> int | None:
        """The sequence of a message that is stored; None where its place is to be looked up."""
        try:
            return (await self._jetstream.publish(subject, body, headers=headers)).seq
        except NoStreamResponseError:
            await find_or_make(self._jetstream, bucket, self._limits)
        except NatsTimeout:
            pass
        except APIError as error:
            if error.err_code in NO_ROOM:
                raise BucketFull(f"the bucket {bucket} is full") from error
            if error.err_code != _WRONG_LAST:
                raise
        return None

    async def _complete(self, upload: _Upload, chunk: Chunk) -> Taken:
        if chunk.end != upload.size:
            raise BadRequest.of_fields(
                ("last", f"{upload.size} bytes were taken, and this chunk ends at {chunk.end}")
            )
        if not await self._hash_rest(upload):
            return Taken(upload.size)
        digest = spell_digest(upload.hash)
        if chunk.digest is not None and not is_same_digest(chunk.digest, digest):
            raise BadRequest.of_fields(
                ("digest", f"what was taken has the digest {digest}: begin a new upload")
            )
        info = upload.info
        count = await self._count(info)
        told = description(
            info.bucket, info.name, info.nuid, upload.size, count, digest, MAX_CHUNK_BYTES
        )
        subject = info_subject(info.bucket, info.name)
        # A name that was used before, also of an object that is deleted, is another's.
        headers = {_EXPECTED_LAST: "0"}
        for _ in range(_MOST_TRIES):
            if await self._published(info.bucket, subject, orjson.dumps(told), headers):
                return Taken(upload.size, digest)
            if await self._completed(upload) is not None:
                return Taken(upload.size, digest)
        raise BadRequest.of_fields(("name", "this name was used before"))

    async def _hash_rest(self, upload: _Upload) -> bool:
        """Hash what other replicas took; False where some of it is left after a while."""
        clock = asyncio.get_running_loop().time
        until = clock() + _HASH_SECONDS
        known = _sized(upload)
        while upload.hashed < upload.size:
            if clock() > until:
                return False
            data = await self._ranges.read(known, upload.hashed, MAX_CHUNK_BYTES)
            await asyncio.to_thread(upload.hash.update, data)
            upload.hashed += len(data)
        return True

    async def _count(self, info: ObjectInfo) -> int:
        subject = chunk_subject(info.bucket, info.nuid)
        return await count_messages(self._jetstream, stream_of(info.bucket), subject)

    async def _is_abandoned(self, bucket: str, nuid: str, now: datetime) -> bool:
        stream, subject = stream_of(bucket), chunk_subject(bucket, nuid)
        try:
            last = await self._jetstream.get_last_msg(stream, subject)
        except NotFoundError:
            return False
        if last.time is None or now - last.time < timedelta(seconds=UPLOAD_KEPT_SECONDS):
            return False
        name = base64.urlsafe_b64decode((last.headers or {}).get(HEADER_OBJECT, "")).decode()
        try:
            return (await find_info(self._jetstream, bucket, name)).nuid != nuid
        except ObjectGone:
            return True


def nuid_of(bucket: str, upload: str, name: str) -> str:
    """The id of the chunks of an upload: the same for every replica."""
    hashed = hashlib.sha256("\n".join((bucket, upload, name)).encode())
    return _PREFIX + hashed.hexdigest()[:32]


def _sized(upload: _Upload) -> ObjectInfo:
    info = upload.info
    return ObjectInfo(info.name, info.bucket, info.nuid, size=upload.size, options=info.options)


def _again(info: ObjectInfo, chunk: Chunk) -> Taken:
    """The reply to a chunk that comes again once the object is there."""
    size, digest = info.size or 0, info.digest or ""
    if chunk.end > size or (chunk.is_last and chunk.end != size):
        raise BadRequest.of_fields(("offset", f"the upload is complete with {size} bytes"))
    if chunk.digest is not None and not is_same_digest(chunk.digest, digest):
        raise BadRequest.of_fields(("digest", f"the object has the digest {digest}"))
    return Taken(size, digest)


def _gap(upload: _Upload, chunk: Chunk) -> BadRequest:
    told = f"the next chunk begins at {upload.size}, not at {chunk.offset}"
    return BadRequest.of_whole(told, expected=upload.size)
