"""Many ids in little memory: sixteen bytes each, where a set takes over a hundred.

They lie in buckets by Python's keyed hash, so that nobody can make ids that all fall into one.
"""

from typing import Final
from uuid import UUID

_BUCKETS: Final = 4096
_ID_BYTES: Final = 16


class Ids:
    """Ids that were seen."""

    def __init__(self) -> None:
        self._buckets: list[bytearray] = [bytearray() for _ in range(_BUCKETS)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, UUID) and _has(self._bucket(id_.bytes), id_.bytes)

    def add(self, id_: UUID) -> bool:
        """Remember an id; whether it is a new one."""
        raw = id_.bytes
        bucket = self._bucket(raw)
        if _has(bucket, raw):
            return False
        bucket += raw
        self._count += 1
        return True

    def _bucket(self, raw: bytes) -> bytearray:
        return self._buckets[hash(raw) % _BUCKETS]


def _has(bucket: bytearray, raw: bytes) -> bool:
    at = bucket.find(raw)
    # The bytes of two neighbours may look like an id that is not there.
    while at >= 0 and at % _ID_BYTES:
        at = bucket.find(raw, at + 1)
    return at >= 0
