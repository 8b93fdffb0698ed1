"""Taking messages out of streams: what an agent's subjects hold, and objects with their names.

The sequence numbers of what stays do not change, and a stream that loses its last messages goes on
counting where it was.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

_OBJECTS: Final = "OBJ_"


async def count_messages(jetstream: JetStreamContext, stream: str, subject: str) -> int:
    """How many messages a stream has under a subject; 0 where there is no such stream."""
    return sum((await _subjects(jetstream, stream, subject)).values())


async def purge_messages(
    jetstream: JetStreamContext, stream: str, subject: str, through: int | None = None
) -> int:
    """Delete what a stream has under a subject, up to a message or all; how many went."""
    before = await count_messages(jetstream, stream, subject)
    with suppress(NotFoundError):
        # The server deletes what is before the sequence that it is told.
        seq = None if through is None else through + 1
        await jetstream.purge_stream(stream, seq=seq, subject=subject)
    return max(before - await count_messages(jetstream, stream, subject), 0)


async def objects_in(jetstream: JetStreamContext, bucket: str) -> list[str]:
    """The names of a bucket's objects; none where there is no bucket."""
    prefix = _described(bucket, "")
    found = await _subjects(jetstream, _OBJECTS + bucket, f"{prefix}>")
    return sorted(
        base64.urlsafe_b64decode(subject.removeprefix(prefix)).decode(errors="replace")
        for subject in found
    )


async def purge_objects(
    jetstream: JetStreamContext, bucket: str, is_meant: Callable[[str], bool]
) -> list[str]:
    """Delete objects with all that is known of them, their names included; the names."""
    meant = [name for name in await objects_in(jetstream, bucket) if is_meant(name)]
    for name in meant:
        # nats-py's own `delete` leaves a message with the name.
        info = await (await jetstream.object_store(bucket)).get_info(name, show_deleted=True)
        stream, spelled = _OBJECTS + bucket, base64.urlsafe_b64encode(name.encode()).decode()
        await jetstream.purge_stream(stream, subject=f"$O.{bucket}.C.{info.nuid}")
        await jetstream.purge_stream(stream, subject=_described(bucket, spelled))
    return meant


async def empty_bucket(jetstream: JetStreamContext, bucket: str) -> int:
    """Delete all objects of a bucket; how many there were."""
    count = len(await objects_in(jetstream, bucket))
    with suppress(NotFoundError):
        await jetstream.purge_stream(_OBJECTS + bucket)
    return count


def _described(bucket: str, spelled_name: str) -> str:
    return f"$O.{bucket}.M.{spelled_name}"


async def _subjects(jetstream: JetStreamContext, stream: str, subject: str) -> dict[str, int]:
    try:
        info = await jetstream.stream_info(stream, subjects_filter=subject)
    except NotFoundError:
        return {}
    return info.state.subjects or {}
