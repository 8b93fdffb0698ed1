"""Ids of records: UUIDs of version 7, which sort by the moment they were made."""

from __future__ import annotations

import os
import time
from typing import Final
from uuid import UUID

_RANDOM_BYTES: Final = 10
_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_RANDOM_HIGH: Final = ((1 << 12) - 1) << 64
_RANDOM_LOW: Final = (1 << 62) - 1


def new_id() -> str:
    """An id for a record that was given none."""
    return str(uuid7(time.time_ns() // 1_000_000, os.urandom(_RANDOM_BYTES)))


def uuid7(milliseconds: int, randomness: bytes) -> UUID:
    """The UUID of RFC 9562, section 5.7, from a moment since 1970 and ten random bytes."""
    random = int.from_bytes(randomness)
    moment = (milliseconds & ((1 << 48) - 1)) << 80
    return UUID(int=moment | _VERSION | (random & _RANDOM_HIGH) | _VARIANT | (random & _RANDOM_LOW))
