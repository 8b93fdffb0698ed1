"""The object store: what is too large for a message, kept for a while under a name."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import (
    ObjectInfo,
    ObjectMeta,
    ObjectMetaOptions,
    ObjectStoreConfig,
    StorageType,
)
from nats.js.errors import BadRequestError, NotFoundError
from nats.js.object_store import ObjectStore

from stratoscope.broker.connection import BrokerError
from stratoscope_contracts.envelopes import Spill
from stratoscope_contracts.words import KIB, SPILL_KEPT_SECONDS

# Fits a server that kept its shipped `max_payload` of 1 MiB.
CHUNK_BYTES: Final = 512 * KIB


class ObjectGone(BrokerError):
    """No such object: it was never there, or its time is over."""


class ObjectDamaged(BrokerError):
    """The object's bytes do not add up to its digest."""


async def put_object(
    jetstream: JetStreamContext,
    bucket: str,
    name: str,
    body: bytes,
    *,
    ttl: float | None = SPILL_KEPT_SECONDS,
    replicas: int = 1,
) -> Spill:
    """Keep `body` in `bucket`, made if missing, whose objects last `ttl` seconds (None: for good).

    The bucket that is there keeps its own time.
    """
    store = await find_or_make(jetstream, bucket, ttl, replicas)
    options = ObjectMetaOptions(max_chunk_size=CHUNK_BYTES)
    info = await store.put(name, body, ObjectMeta(name=name, options=options))
    return Spill(bucket=bucket, name=name, size=info.size or 0, digest=info.digest or "")


async def get_object(jetstream: JetStreamContext, bucket: str, name: str) -> bytes:
    """The bytes of an object, its digest checked; ObjectGone or ObjectDamaged where they are not.

    Chunk by chunk rather than by nats-py's `get`, which waits for ever for one that has expired
    before what names it.
    """
    try:
        info = await (await jetstream.object_store(bucket)).get_info(name)
        body = await _chunks(jetstream, bucket, info)
    except NotFoundError as error:
        raise ObjectGone(f"no object {name} in {bucket}: it may have expired") from error
    digest = f"SHA-256={base64.urlsafe_b64encode(sha256(body).digest()).decode()}"
    # Some clients leave the padding off.
    if len(body) != info.size or (info.digest or "").rstrip("=") != digest.rstrip("="):
        raise ObjectDamaged(f"the object {name} in {bucket} is damaged")
    return body


async def _chunks(jetstream: JetStreamContext, bucket: str, info: ObjectInfo) -> bytes:
    subject, stream = f"$O.{bucket}.C.{info.nuid}", f"OBJ_{bucket}"
    body, after = bytearray(), 0
    for _ in range(info.chunks or 0):
        chunk = await jetstream.get_msg(stream, seq=after + 1, subject=subject, next=True)
        body += chunk.data or b""
        after = chunk.seq or 0
    return bytes(body)


async def find_or_make(
    jetstream: JetStreamContext, bucket: str, ttl: float | None, replicas: int
) -> ObjectStore:
    """A bucket, made if it is missing; one that is there keeps its own time."""
    try:
        return await jetstream.object_store(bucket)
    except NotFoundError:
        pass
    config = ObjectStoreConfig(bucket=bucket, ttl=ttl, storage=StorageType.FILE, replicas=replicas)
    try:
        return await jetstream.create_object_store(bucket, config)
    except BadRequestError:
        # Made meanwhile by another replica; if it was not that, this raises what it was.
        return await jetstream.object_store(bucket)
