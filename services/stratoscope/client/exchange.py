"""Exports on their way from the object store to a file, and from a file to it.

All of it by the verbs `object.get` and `object.put`. A download asks for several stretches at a
time; the chunks of an upload go one after the other, each sent again where its reply is lost.
"""

import asyncio
import base64
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import PurePath
from typing import IO, Final, Protocol, TypeVar
from uuid import uuid4

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.objects import is_same_digest, new_hash, spell_digest
from stratoscope.client.errors import NoAnswerInTime, UnreadableReply
from stratoscope_contracts.errors import OverBudget
from stratoscope_contracts.objects import (
    CHUNK_BYTES,
    MAX_CHUNK_BYTES,
    ObjectGetReply,
    ObjectGetRequest,
    ObjectPutReply,
    ObjectPutRequest,
)

Body = TypeVar("Body")
Reply = TypeVar("Reply")
Moved = Callable[[int, int], None]
Get = Callable[[ObjectGetRequest], Awaitable[ObjectGetReply]]
Put = Callable[[ObjectPutRequest], Awaitable[ObjectPutReply]]
# Of a file's own name, what an object's may hold.
_LONGEST_NAME: Final = 100
_IN_FLIGHT: Final = 6
_TRIES: Final = 4


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take bytes that follow."""
        ...


async def download(get: Get, bucket: str, name: str, file: Sink, moved: Moved) -> str:
    """An object into a file, and its digest; `moved` hears how many bytes of how many.

    Raises ObjectNotFound, and UnreadableReply where it is damaged.
    """
    digest, done, told = new_hash(), 0, None
    async with aclosing(_stretches(get, bucket, name)) as stretches:
        async for reply, data in stretches:
            if told is not None and (reply.size, reply.digest) != told:
                raise UnreadableReply(f"{name} was replaced while it was fetched: ask again")
            told = reply.size, reply.digest
            await asyncio.to_thread(digest.update, data)
            file.write(data)
            done += len(data)
            moved(done, reply.size)
    assert told is not None
    if done != told[0] or not is_same_digest(told[1], spell_digest(digest)):
        raise UnreadableReply(f"{name} is damaged: its bytes do not have its digest")
    return told[1]


async def upload(
    put: Put, path: PurePath, file: IO[bytes], size: int, moved: Moved, message_limit: int
) -> str:
    """A file among the exports of a space; the object's name. `moved` hears how far it is.

    A chunk is as large as the contract allows, where a message of the broker takes it.
    """
    # As base64, with the other fields.
    most = MAX_CHUNK_BYTES if message_limit >= 2 * MAX_CHUNK_BYTES else CHUNK_BYTES
    upload_id = uuid4().hex
    name = f"{uuid4()}-{path.name[-_LONGEST_NAME:]}"
    digest, offset = new_hash(), 0
    chunk = await asyncio.to_thread(file.read, most)
    while True:
        following = await asyncio.to_thread(file.read, most) if chunk else b""
        digest.update(chunk)
        body = ObjectPutRequest(
            upload=upload_id,
            name=name,
            offset=offset,
            data=base64.b64encode(chunk).decode(),
            last=not following,
        )
        if following:
            await _persistently(put, body)
        else:
            body = body.model_copy(update={"digest": spell_digest(digest)})
            while not (await _persistently(put, body)).complete:
                # What several replicas took is hashed by one of them, a stretch a request.
                pass
        offset += len(chunk)
        moved(offset, size)
        if not following:
            return name
        chunk = following


async def _stretches(
    get: Get, bucket: str, name: str
) -> AsyncGenerator[tuple[ObjectGetReply, bytes], None]:
    """The stretches of an object in their order, the first one before any other is asked for."""

    async def ask(offset: int, limit: int = CHUNK_BYTES) -> list[tuple[ObjectGetReply, bytes]]:
        """A stretch, in as many replies as it takes."""
        found = []
        while True:
            body = ObjectGetRequest(bucket=bucket, name=name, offset=offset, limit=limit)
            reply = await _persistently(get, body)
            data = base64.b64decode(reply.data)
            found.append((reply, data))
            offset, limit = offset + len(data), limit - len(data)
            if limit <= 0 or offset >= reply.size or not data:
                return found

    first = await ask(0)
    for one in first:
        yield one
    size = first[0][0].size
    left = deque(range(CHUNK_BYTES, size, CHUNK_BYTES))
    asked: deque[asyncio.Task[list[tuple[ObjectGetReply, bytes]]]] = deque()
    try:
        while left or asked:
            while left and len(asked) < _IN_FLIGHT:
                asked.append(asyncio.create_task(ask(left.popleft()), name="object.get"))
            for one in await asked.popleft():
                yield one
    finally:
        await end_tasks(asked)


async def _persistently(ask: Callable[[Body], Awaitable[Reply]], body: Body) -> Reply:
    """Ask again where no reply came in time, or too much goes on: both verbs may be repeated."""
    for _ in range(_TRIES - 1):
        try:
            return await ask(body)
        except NoAnswerInTime:
            continue
        except OverBudget as error:
            if "bucket" in error.details:
                raise
            await asyncio.sleep(float(error.details.get("retry_seconds", 0)))
    return await ask(body)
