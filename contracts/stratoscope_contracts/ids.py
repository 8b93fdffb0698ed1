"""Ids: UUIDs of version 7, which sort by the moment they were made."""

from typing import Final
from uuid import UUID

RANDOM_BYTES: Final = 10
_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_RANDOM_HIGH: Final = ((1 << 12) - 1) << 64
_RANDOM_LOW: Final = (1 << 62) - 1


def uuid7(milliseconds: int, randomness: bytes) -> UUID:
    """The UUID of RFC 9562, section 5.7, from a moment since 1970 and ten random bytes."""
    random = int.from_bytes(randomness)
    moment = (milliseconds & ((1 << 48) - 1)) << 80
    return UUID(int=moment | _VERSION | (random & _RANDOM_HIGH) | _VARIANT | (random & _RANDOM_LOW))
