"""Whether a stream is the one that a projection was made from.

A stream that was purged and made anew, restored from an older backup or swapped for another has
other messages under the same numbers. A projection remembers when its stream was created, and with
each checkpoint the last message's digest.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class RememberedLog:
    """What a projection remembers: `probes` are sequences of messages with their digests."""

    created_at: datetime | None
    reached: int
    probes: Collection[tuple[int, bytes]]


def fingerprint(subject: str, data: bytes) -> bytes:
    """What the message at a checkpoint is recognised by."""
    digest = blake2b(subject.encode(), digest_size=16)
    digest.update(b"\0")
    digest.update(data)
    return digest.digest()


def identity_difference(
    stream: str, created_at: datetime | None, last_seq: int, known: RememberedLog
) -> str | None:
    """How a stream's creation and end differ from what is remembered; None where they do not.

    What is remembered has to be read before the stream is asked: what is committed in between is
    in the stream, too.
    """
    if known.created_at is not None and known.created_at != created_at:
        return (
            f"{stream} was made at {created_at}, the one that was projected at {known.created_at}"
        )
    if known.reached > last_seq:
        return f"{stream} ends at {last_seq}, but was projected up to {known.reached}: rolled back"
    return None


def message_difference(stream: str, stream_seq: int, known: bytes, found: bytes) -> str | None:
    """How the digest of a message differs from what is remembered; None where it does not."""
    if known != found:
        return f"{stream} has another message at {stream_seq} than was projected"
    return None
