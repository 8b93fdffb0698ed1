"""The object store: what is too large for a message, kept for a while under a name."""

from __future__ import annotations

import asyncio
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import (
    ObjectInfo,
    ObjectMeta,
    ObjectMetaOptions,
    ObjectStoreConfig,
    StorageType,
)
from nats.js.errors import BadRequestError, DigestMismatchError, NotFoundError
from nats.js.object_store import ObjectStore

from stratoscope.broker.connection import BrokerError
from stratoscope_contracts.envelopes import Spill
from stratoscope_contracts.words import KIB, SPILL_KEPT_SECONDS

GET_TIMEOUT: Final = 30.0
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
    store = await _find_or_make(jetstream, bucket, ttl, replicas)
    options = ObjectMetaOptions(max_chunk_size=CHUNK_BYTES)
    info = await store.put(name, body, ObjectMeta(name=name, options=options))
    return Spill(bucket=bucket, name=name, size=info.size or 0, digest=info.digest or "")


async def get_object(
    jetstream: JetStreamContext,
    bucket: str,
    name: str,
    *,
    timeout: float = GET_TIMEOUT,  # noqa: ASYNC109 - nats-py itself waits for a lost chunk for ever
) -> bytes:
    """The bytes of an object, its digest checked; ObjectGone, ObjectDamaged or TimeoutError."""
    try:
        async with asyncio.timeout(timeout):
            store = await jetstream.object_store(bucket)
            await _check_chunks(jetstream, bucket, await store.get_info(name))
            found = await store.get(name)
    except NotFoundError as error:
        raise ObjectGone(f"no object {name} in {bucket}: it may have expired") from error
    except DigestMismatchError as error:
        raise ObjectDamaged(f"the object {name} in {bucket} is damaged") from error
    return found.data or b""


async def _check_chunks(jetstream: JetStreamContext, bucket: str, info: ObjectInfo) -> None:
    """Raise ObjectGone where the chunks, older than what names them, have expired before it."""
    subject = f"$O.{bucket}.C.{info.nuid}"
    state = (await jetstream.stream_info(f"OBJ_{bucket}", subjects_filter=subject)).state
    if (state.subjects or {}).get(subject, 0) < (info.chunks or 0):
        raise ObjectGone(f"the object {info.name} in {bucket} has just expired")


async def _find_or_make(
    jetstream: JetStreamContext, bucket: str, ttl: float | None, replicas: int
) -> ObjectStore:
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
