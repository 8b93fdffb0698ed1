"""Any stretch of an object, found without reading what stands before it.

A stream has no n-th message of a subject, only the first at or after a sequence. Chunks that this
program writes say where they begin in the object, and the object's description says how long they
are at most. So a chunk stands no earlier than as many messages after a known one as chunks lie
between them, and one look there either finds it or finds one closer to it. Of chunks that other
programs wrote the places are found one after the other. Places once found are remembered.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import ObjectInfo, RawStreamMsg
from nats.js.errors import NotFoundError

from stratoscope.broker.fair_cache import FairCache
from stratoscope.broker.objects import (
    HEADER_OFFSET,
    ObjectDamaged,
    ObjectGone,
    chunk_subject,
    longest_chunk,
    next_chunk,
)
from stratoscope_contracts.errors import OverBudget
from stratoscope_contracts.subjects import SubjectError

_OBJECTS_KEPT: Final = 64
_PLACES_KEPT: Final = 1024
# Looks at chunks on the way to one, each of half a megabyte as a rule.
_MOST_LOOKS: Final = 64


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """A sequence at or before which no chunk stands that begins before `offset`."""

    offset: int
    seq: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk, and where it begins in its object."""

    offset: int
    seq: int
    data: bytes

    @property
    def end(self) -> int:
        """Where the chunk after it begins."""
        return self.offset + len(self.data)


@dataclass(slots=True)
class _Places:
    """Where chunks of one object begin, as far as it was seen."""

    found: list[_Place] = field(default_factory=lambda: [_Place(0, 1)])

    def nearest(self, offset: int) -> _Place:
        """The last known place at or before an offset."""
        return self.found[bisect_right(self.found, offset, key=lambda one: one.offset) - 1]

    def add(self, place: _Place) -> None:
        """Remember a place; of very many every other is forgotten."""
        if self.nearest(place.offset).offset == place.offset:
            return
        insort(self.found, place)
        if len(self.found) > _PLACES_KEPT:
            del self.found[1::2]


class ObjectRanges:
    """Reads stretches of objects, and remembers where their chunks stand."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream
        self._places: FairCache[_Places] = FairCache(_OBJECTS_KEPT)

    async def read(self, info: ObjectInfo, offset: int, limit: int) -> bytes:
        """The bytes from `offset` on, at most `limit` of them and none past the end.

        Raises ObjectGone, ObjectDamaged, and OverBudget where the place is not found yet: the next
        call looks on from where this one got to.
        """
        end = min(offset + limit, info.size or 0)
        if offset >= end:
            return b""
        try:
            return await self._read(info, offset, end)
        except ObjectDamaged:
            # An upload that was swept and begun again has its chunks elsewhere.
            if self._places.pop(info.bucket, info.nuid or "") is None:
                raise
            return await self._read(info, offset, end)

    async def _read(self, info: ObjectInfo, offset: int, end: int) -> bytes:
        found = bytearray()
        chunk = await self._find(info, offset)
        while True:
            found += chunk.data[offset + len(found) - chunk.offset :][: end - offset - len(found)]
            if offset + len(found) >= end:
                return bytes(found)
            chunk = await self._chunk(info, chunk.seq + 1, chunk.end)

    async def _find(self, info: ObjectInfo, offset: int) -> _Chunk:
        """The chunk that an offset is in."""
        place = self._places_of(info).nearest(offset)
        longest = longest_chunk(info)
        ahead = (offset - place.offset) // longest
        for _ in range(_MOST_LOOKS):
            # What a chunk does not say of itself is known right behind one whose end is known.
            known = place.offset if ahead == 0 else None
            try:
                chunk = await self._chunk(info, place.seq + ahead, known)
            except _Unnumbered:
                ahead, longest = 0, (info.size or 0) + 1
                continue
            if chunk.offset <= offset < chunk.end:
                return chunk
            if chunk.offset > offset:
                raise _damaged(info)
            place = _Place(chunk.end, chunk.seq + 1)
            ahead = (offset - place.offset) // longest
        raise OverBudget(
            "the bytes are not found yet: ask again, the search goes on from where it is",
            {"offset": place.offset},
        )

    async def _chunk(self, info: ObjectInfo, seq: int, offset: int | None) -> _Chunk:
        """The first chunk at or after a sequence, which begins at `offset` where it says nothing.

        Raises _Unnumbered where neither is known.
        """
        try:
            subject = chunk_subject(info.bucket, info.nuid)
            message = await next_chunk(self._jetstream, info.bucket, subject, seq)
        except SubjectError as error:
            raise _damaged(info) from error
        except NotFoundError as error:
            raise ObjectGone(f"the object {info.name} in {info.bucket} has lost a part") from error
        told = offset_of(message)
        if told is None:
            if offset is None:
                raise _Unnumbered
            told = offset
        elif offset is not None and told != offset:
            raise _damaged(info)
        chunk = _Chunk(told, message.seq or 0, message.data or b"")
        if not chunk.data:
            raise _damaged(info)
        self._places_of(info).add(_Place(chunk.end, chunk.seq + 1))
        return chunk

    def _places_of(self, info: ObjectInfo) -> _Places:
        nuid = info.nuid or ""
        if (places := self._places.get(info.bucket, nuid)) is None:
            places = _Places()
            self._places.put(info.bucket, nuid, places)
        return places


class _Unnumbered(Exception):
    """A chunk that does not say where it begins."""


def offset_of(message: RawStreamMsg) -> int | None:
    """Where a chunk says that it begins; None where it does not."""
    told = (message.headers or {}).get(HEADER_OFFSET, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) <= 16 else None


def _damaged(info: ObjectInfo) -> ObjectDamaged:
    return ObjectDamaged(f"the object {info.name} in {info.bucket} is damaged")
