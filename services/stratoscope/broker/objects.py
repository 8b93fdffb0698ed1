"""The object store: buckets, and the names and digests of what is in them (ADR-20)."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import orjson
from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    ObjectInfo,
    ObjectMetaOptions,
    RawStreamMsg,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, BadRequestError, NotFoundError

from stratoscope.broker.connection import BrokerError
from stratoscope_contracts.objects import MAX_CHUNK_BYTES
from stratoscope_contracts.subjects import SubjectError
from stratoscope_contracts.words import KIB

LONGEST_NAME: Final = 1024
# Of a chunk: where its first byte stands in the object. Other writers of objects send none.
HEADER_OFFSET: Final = "Strato-Offset"
DIGEST_TYPE: Final = "SHA-256="
# nats-server's errors for resources that are used up, and for a stream that has reached its limits.
_FEWEST_MESSAGES: Final = 100_000
NO_ROOM: Final = frozenset({10023, 10028, 10047, 10077, 10122})
_TOKEN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class ObjectGone(BrokerError):
    """No such object: it was never there, or its time is over."""


class ObjectDamaged(BrokerError):
    """The object's bytes do not add up to its digest."""


class BucketFull(BrokerError):
    """The bucket, or the broker's storage, has no room for more."""


class Hash(Protocol):
    """What hashlib's functions return."""

    def update(self, data: bytes, /) -> None:
        """Take bytes that follow."""
        ...

    def digest(self) -> bytes:
        """The digest of the bytes so far."""
        ...


@dataclass(frozen=True, slots=True)
class BucketLimits:
    """How long a bucket keeps its objects, in seconds, and how many bytes it holds at most."""

    seconds: float | None
    max_bytes: int | None = None
    replicas: int = 1

    @property
    def max_messages(self) -> int | None:
        """How many messages it holds at most: enough for large objects, not for tiny ones only.

        The server keeps the subject of each in memory.
        """
        if self.max_bytes is None:
            return None
        return max(_FEWEST_MESSAGES, self.max_bytes // (64 * KIB))


def stream_of(bucket: str) -> str:
    """The stream behind a bucket."""
    return f"OBJ_{bucket}"


def chunk_subject(bucket: str, nuid: str) -> str:
    """The subject of an object's chunks. Raises SubjectError for an id that is no token."""
    if not nuid or not _TOKEN.issuperset(nuid):
        raise SubjectError("not the id of an object's chunks")
    return f"$O.{bucket}.C.{nuid}"


def info_subject(bucket: str, name: str) -> str:
    """The subject of the message that makes chunks an object."""
    return f"$O.{bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"


def new_hash() -> Hash:
    """The hash that an object's digest is made of."""
    return hashlib.sha256()


def spell_digest(hashed: Hash) -> str:
    """A digest as the object store spells it."""
    return DIGEST_TYPE + base64.urlsafe_b64encode(hashed.digest()).decode()


def is_same_digest(one: str, other: str) -> bool:
    """Whether two spellings mean the same digest: some clients leave the padding off."""
    return one.rstrip("=") == other.rstrip("=")


async def find_or_make(jetstream: JetStreamContext, bucket: str, limits: BucketLimits) -> None:
    """Create a bucket if it is missing; one that is there keeps its own limits.

    Raises BucketFull where the broker has no room for one.
    """
    try:
        await jetstream.stream_info(stream_of(bucket))
    except NotFoundError:
        await _make(jetstream, bucket, limits)


async def _make(jetstream: JetStreamContext, bucket: str, limits: BucketLimits) -> None:
    # As nats-py makes an object store (ADR-20), which can't be told a number of messages.
    config = StreamConfig(
        name=stream_of(bucket),
        subjects=[f"$O.{bucket}.C.>", f"$O.{bucket}.M.>"],
        max_age=limits.seconds,
        max_bytes=limits.max_bytes or -1,
        max_msgs=limits.max_messages or -1,
        storage=StorageType.FILE,
        num_replicas=limits.replicas,
        discard=DiscardPolicy.NEW,
        allow_rollup_hdrs=True,
        allow_direct=True,
    )
    try:
        await jetstream.add_stream(config)
    except BadRequestError:
        # Created meanwhile by another replica; if it was not that, this raises what it was.
        await jetstream.stream_info(stream_of(bucket))
    except APIError as error:
        if error.err_code in NO_ROOM:
            raise BucketFull(f"the broker has no room for the bucket {bucket}") from error
        raise


def info_in(bucket: str, data: bytes) -> ObjectInfo | None:
    """The description of an object, or None where it is unreadable, or a link to another."""
    try:
        told = orjson.loads(data)
        options = told.get("options") or {}
        info = ObjectInfo(
            name=str(told["name"]),
            bucket=bucket,
            nuid=str(told["nuid"]),
            size=int(told["size"]),
            chunks=int(told["chunks"]),
            digest=str(told.get("digest") or ""),
            deleted=bool(told.get("deleted")),
            options=ObjectMetaOptions(max_chunk_size=int(options.get("max_chunk_size") or 0)),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if options.get("link") else info


async def next_chunk(
    jetstream: JetStreamContext, bucket: str, subject: str, seq: int
) -> RawStreamMsg:
    """The first message of a subject at or after a sequence. Raises NotFoundError.

    Asked of any replica, which sends bytes as they are; one that lags does not have the last yet.
    """
    stream = stream_of(bucket)
    with suppress(NotFoundError):
        return await jetstream.get_msg(stream, seq=seq, subject=subject, next=True, direct=True)
    return await jetstream.get_msg(stream, seq=seq, subject=subject, next=True)


async def find_info(jetstream: JetStreamContext, bucket: str, name: str) -> ObjectInfo:
    """What is known of an object. Raises ObjectGone, also for a link to another."""
    if len(name) > LONGEST_NAME:
        raise ObjectGone(f"no object in {bucket} has a name of {len(name)} characters")
    subject = info_subject(bucket, name)
    try:
        found = await jetstream.get_last_msg(stream_of(bucket), subject)
    except NotFoundError as error:
        raise ObjectGone(f"no object {name} in {bucket}: it may have expired") from error
    info = info_in(bucket, found.data or b"")
    if info is None or info.deleted:
        raise ObjectGone(f"{name} in {bucket} is deleted, a link, or no object")
    return info


def longest_chunk(info: ObjectInfo) -> int:
    """The most bytes that a chunk of an object has, as its description says."""
    told = info.options.max_chunk_size if info.options else None
    return told or MAX_CHUNK_BYTES
