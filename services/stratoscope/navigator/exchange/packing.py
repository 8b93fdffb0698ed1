"""Records as messages of the log: batches, packed where that is worth it."""

from dataclasses import dataclass
from typing import Final

import zstandard

from stratoscope_contracts.words import (
    ENCODING_ZSTD,
    HEADER_ENCODING,
    HEADER_TRACEPARENT,
    KIB,
    MAX_UNPACKED_BYTES,
)

MAX_RECORDS: Final = 1000
MAX_BYTES: Final = 1024 * KIB
_WORTHWHILE: Final = 4 * KIB
_QUICK, _HARD = 3, 19
# What headers, and what an import adds to a record, take at most.
_MARGIN: Final = 4 * KIB
_OPEN, _CLOSE = b'{"records":[', b"]}"


@dataclass(frozen=True, slots=True)
class Packed:
    """The body of a batch, and the headers that say how to read it."""

    body: bytes
    headers: dict[str, str]


def packed(records: list[bytes], traceparent: str | None, message_limit: int) -> Packed:
    """Records as a batch that fits into a message, if there is a way to."""
    body = _OPEN + b",".join(records) + _CLOSE
    headers = {} if traceparent is None else {HEADER_TRACEPARENT: traceparent}
    smaller = _compressed(body, message_limit) if len(body) > _WORTHWHILE else body
    if len(smaller) >= len(body):
        return Packed(body, headers)
    return Packed(smaller, headers | {HEADER_ENCODING: ENCODING_ZSTD})


def batch_bytes(message_limit: int) -> int:
    """How large a batch of several records may grow: it has to fit as it is."""
    return min(MAX_BYTES, message_limit - _MARGIN)


def surely_fits(size: int, message_limit: int) -> bool:
    """Whether a record of this size can be sent, whatever is in it."""
    return size <= batch_bytes(message_limit) // 2


def fits(record: bytes, message_limit: int) -> bool:
    """Whether a record can be sent at all."""
    body = _OPEN + record + _CLOSE
    if len(body) > MAX_UNPACKED_BYTES:
        return False
    limit = message_limit - _MARGIN
    return len(body) <= limit or len(_compressed(body, message_limit)) <= limit


def _compressed(body: bytes, message_limit: int) -> bytes:
    quick = zstandard.compress(body, _QUICK)
    if len(quick) <= message_limit - _MARGIN:
        return quick
    return zstandard.compress(body, _HARD)
