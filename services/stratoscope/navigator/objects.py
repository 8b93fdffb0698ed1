"""`object.get` and `object.put`: the space's own exports and spilled replies, chunk by chunk.

They need no database. A replica remembers where chunks stand and how far uploads are, and any other
one finds out.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Final

from nats.errors import Error as NatsError

from stratoscope.broker.connection import Connection
from stratoscope.broker.ending import end_tasks
from stratoscope.broker.object_ranges import ObjectRanges
from stratoscope.broker.objects import (
    BucketFull,
    BucketLimits,
    ObjectDamaged,
    ObjectGone,
    find_info,
)
from stratoscope.broker.staging import Chunk, Staging
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.upkeep import repeat
from stratoscope_contracts.envelopes import Request
from stratoscope_contracts.errors import BadRequest, Internal, ObjectNotFound, OverBudget
from stratoscope_contracts.objects import (
    ObjectGetRequest,
    ObjectPutRequest,
)
from stratoscope_contracts.words import exports_bucket, spill_bucket

VERBS: Final = frozenset({"object.get", "object.put"})
# A reply's other fields, and what the headers take.
_MARGIN: Final = 8192
# Spaces whose uploads are swept by this replica.
_SPACES_KEPT: Final = 1024
_SWEEP_SECONDS: Final = 300.0


class Objects:
    """Answers `object.get` and `object.put`."""

    def __init__(self, connection: Connection, exports: BucketLimits, most_bytes: int) -> None:
        """Take what new export buckets are created with, and the most bytes of an upload."""
        self._connection = connection
        self._ranges = ObjectRanges(connection.jetstream)
        self._staging = Staging(connection.jetstream, self._ranges, exports, most_bytes)
        self._spaces: dict[str, None] = {}

    async def answer(self, space: str, request: Request) -> Json:
        """The reply. Raises StratoError."""
        with told_errors(exports_bucket(space)):
            if isinstance(request, ObjectGetRequest):
                return await self._get(space, request)
            assert isinstance(request, ObjectPutRequest)
            return await self._put(space, request)

    async def _get(self, space: str, request: ObjectGetRequest) -> Json:
        buckets = (exports_bucket(space), spill_bucket(space))
        if request.bucket not in buckets:
            raise BadRequest.of_fields(("bucket", f"{buckets[0]} or {buckets[1]}"))
        info = await find_info(self._connection.jetstream, request.bucket, request.name)
        # A reply that is too large would itself have to be fetched.
        most = (self._connection.message_limit - _MARGIN) // 4 * 3
        limit = min(request.limit, most)
        data = await self._ranges.read(info, request.offset, limit)
        # Not in a thread: there it would let nothing else run either, and take a hop besides.
        spelled = base64.b64encode(data).decode()
        return {"data": spelled, "size": info.size or 0, "digest": info.digest or ""}

    async def _put(self, space: str, request: ObjectPutRequest) -> Json:
        try:
            data = _decoded(request.data)
        except ValueError as error:
            raise BadRequest.of_fields(("data", "base64, padded, with + and /")) from error
        self._remember(space)
        chunk = Chunk(
            request.upload, request.name, request.offset, data, request.last, request.digest
        )
        taken = await self._staging.put(exports_bucket(space), chunk)
        is_complete = taken.digest is not None
        return {"size": taken.size, "complete": is_complete, "digest": taken.digest}

    def _remember(self, space: str) -> None:
        if space not in self._spaces and len(self._spaces) >= _SPACES_KEPT:
            del self._spaces[next(iter(self._spaces))]
        self._spaces[space] = None

    async def sweep(self) -> None:
        """Delete what was staged for uploads that were abandoned."""
        for space in list(self._spaces):
            await self._staging.sweep(exports_bucket(space), datetime.now(UTC))


@asynccontextmanager
async def sweeping_uploads(objects: Objects) -> AsyncIterator[None]:
    """Sweep again and again for as long as the block lasts."""
    turns = repeat(objects.sweep, _SWEEP_SECONDS, "abandoned uploads stay for now")
    task = asyncio.create_task(turns, name="uploads")
    try:
        yield
    finally:
        await end_tasks([task])


@contextmanager
def told_errors(bucket: str) -> Iterator[None]:
    """Raise the object store's errors as those of the contract."""
    try:
        with told_full(bucket):
            yield
    except ObjectGone as error:
        raise ObjectNotFound(error.message) from error
    except ObjectDamaged as error:
        raise Internal(error.message) from error
    except (NatsError, TimeoutError) as error:
        raise Internal("the broker does not answer just now") from error


@contextmanager
def told_full(bucket: str) -> Iterator[None]:
    """Raise OverBudget where a bucket has no room for more."""
    try:
        yield
    except BucketFull as error:
        raise OverBudget(
            f"the bucket {bucket} is full: the oldest in it expires by age, or delete some of it",
            {"bucket": bucket},
        ) from error


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
