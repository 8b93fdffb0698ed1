"""Jobs and their results as a worker is sent them.

asked      the length of the head in four bytes; the head as JSON {"job", "told", "sizes"};
           the states one behind the other
answered   one letter, then the result; `!` stands before a word for what went wrong
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

DONE: Final = b"+"
FAILED: Final = b"!"
# What can go wrong, as a worker says it.
TOO_MUCH: Final = b"too_much"
DAMAGED: Final = b"damaged"
BROKEN: Final = b"broken"


def asked(job: str, told: dict[str, Any], states: Sequence[bytes]) -> bytes:
    """A job as a frame."""
    head = orjson.dumps({"job": job, "told": told, "sizes": [len(state) for state in states]})
    return b"".join((len(head).to_bytes(4, "big"), head, *states))


def read(frame: bytes) -> tuple[str, dict[str, Any], list[bytes]]:
    """A frame as a job."""
    start = 4 + int.from_bytes(frame[:4], "big")
    head = orjson.loads(frame[4:start])
    return head["job"], head["told"], list(_parts(frame, start, head["sizes"]))


def _parts(frame: bytes, start: int, sizes: Iterable[int]) -> Iterable[bytes]:
    for size in sizes:
        yield frame[start : start + size]
        start += size
