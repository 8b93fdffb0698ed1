"""What the services tell each other behind the wire: how far the log is projected.

It is news, not truth: a message may be lost, and whoever needs to be sure reads the checkpoints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

PROJECTED: Final = "strato._projected"


@dataclass(frozen=True, slots=True)
class Projected:
    """A projection has all of these partitions up to a message of the stream."""

    schema: str
    stream_seq: int
    partitions: Sequence[int]


def encode(projected: Projected) -> bytes:
    """The body of a message on `PROJECTED`."""
    return orjson.dumps(projected)


def decode(body: bytes) -> Projected | None:
    """What a message says; None where it says nothing that can be read."""
    try:
        found: Any = orjson.loads(body)
        return Projected(
            str(found["schema"]),
            int(found["stream_seq"]),
            tuple(int(number) for number in found["partitions"]),
        )
    except (ValueError, TypeError, KeyError):
        return None
