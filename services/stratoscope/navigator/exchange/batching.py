"""The records of an export as they are recorded anew, in batches."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from uuid import UUID

import orjson

from stratoscope.broker.payload import decode_record_json
from stratoscope.domain.exchange.mapping import mapped
from stratoscope.domain.timeline import Place
from stratoscope.navigator.exchange.formats import read
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.packing import MAX_RECORDS, Packed, batch_bytes, packed

_HEAD_BYTES = 4


@dataclass(slots=True)
class Batch:
    """Records that go into one message; of each the place it had, and whether it is an event."""

    traceparent: str | None = None
    records: list[bytes] = field(default_factory=list)
    places: list[tuple[int, int, bool]] = field(default_factory=list)
    size: int = 0
    without_origin: int = 0

    def takes(self, traceparent: str | None, size: int, limit: int) -> bool:
        """Whether one more record can go along: a trace is a message's, not a record's."""
        return not self.records or (
            traceparent == self.traceparent
            and len(self.records) < MAX_RECORDS
            and self.size + size + 1 <= limit
        )


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch as it is published, and the places that its records had."""

    packed: Packed
    places: list[tuple[Place, bool]]
    without_origin: int


def batches(
    file: IO[bytes],
    bounds: Bounds,
    exported: Container[UUID],
    import_id: UUID,
    message_limit: int,
) -> Iterator[Batch]:
    """The records of an export that was found whole, mapped to new ones."""
    limit = batch_bytes(message_limit)
    batch = Batch()
    for member, raw in read(file, bounds):
        if member != "records":
            continue
        record = decode_record_json(raw)
        new = mapped(import_id, record, exported)
        spelled = orjson.dumps(new.record)
        traceparent = record.get("traceparent")
        if not batch.takes(traceparent, len(spelled), limit):
            yield batch
            batch = Batch()
        batch.traceparent = traceparent
        batch.records.append(spelled)
        batch.places.append((*_place(record), record["kind"] == "event"))
        batch.size += len(spelled) + 1
        batch.without_origin += not new.has_origin
    if batch.records:
        yield batch


def framed(batch: Batch, message_limit: int) -> bytes:
    """A batch as bytes, for whoever publishes it."""
    body = packed(batch.records, batch.traceparent, message_limit)
    head = orjson.dumps([body.headers, batch.places, batch.without_origin])
    return b"".join((len(head).to_bytes(_HEAD_BYTES, "big"), head, body.body))


def unframed(frame: bytes) -> Ready:
    """The batch in such bytes."""
    end = _HEAD_BYTES + int.from_bytes(frame[:_HEAD_BYTES], "big")
    headers, places, without_origin = orjson.loads(frame[_HEAD_BYTES:end])
    return Ready(
        Packed(frame[end:], headers),
        [(Place(stream_seq, ordinal), is_event) for stream_seq, ordinal, is_event in places],
        without_origin,
    )


def _place(record: dict[str, Any]) -> tuple[int, int]:
    return record["stream_seq"], record["ordinal"]
