"""Exports on their way from the object store to a file, and from a file to it."""

from collections.abc import Callable
from pathlib import PurePath
from typing import IO, Final
from uuid import uuid4

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from stratoscope.broker.connection import Connection
from stratoscope.broker.objects import CHUNK_BYTES, ObjectDamaged, ObjectGone
from stratoscope.broker.transfers import chunks_of, object_info, uploading
from stratoscope.client.errors import Unreachable, UnreadableReply
from stratoscope_contracts.words import EXPORTS_KEPT_SECONDS, exports_bucket

Moved = Callable[[int, int], None]
# Of a file's own name, what an object's may hold.
_LONGEST_NAME: Final = 100


async def download(
    connection: Connection, space: str, name: str, file: IO[bytes], moved: Moved
) -> None:
    """An export into a file, its digest checked; `moved` hears how many bytes of how many.

    Raises UnreadableReply where it is not there or damaged.
    """
    bucket, jetstream = exports_bucket(space), connection.jetstream
    try:
        info = await object_info(jetstream, bucket, name)
        done = 0
        async for chunk in chunks_of(jetstream, bucket, info):
            file.write(chunk)
            done += len(chunk)
            moved(done, info.size or 0)
    except (ObjectGone, ObjectDamaged, NotFoundError) as error:
        raise UnreadableReply(f"the export {name} can't be had: {error}") from error
    except (NatsError, TimeoutError) as error:
        raise Unreachable(f"the broker was lost while fetching {name}: {error}") from error


async def upload(
    connection: Connection, space: str, path: PurePath, file: IO[bytes], size: int, moved: Moved
) -> str:
    """A file among the exports of a space; the object's name. `moved` hears how far it is."""
    name = f"{uuid4()}-{path.name[-_LONGEST_NAME:]}"
    bucket = exports_bucket(space)
    try:
        async with uploading(connection, bucket, name, ttl=EXPORTS_KEPT_SECONDS) as sending:
            while chunk := file.read(CHUNK_BYTES):
                await sending.write(chunk)
                moved(sending.size, size)
            return (await sending.finish()).name
    except (NatsError, TimeoutError) as error:
        if connection.refusal:
            raise Unreachable(
                f"the broker refuses it: {connection.refusal}; a space's bucket is made by its"
                " first export, or by who tends the broker"
            ) from error
        raise Unreachable(f"the broker was lost while sending {path.name}: {error}") from error
