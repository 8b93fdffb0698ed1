"""Recording an export anew: batches of its records, one after the other.

One batch is on its way at a time, so that the new timeline keeps the order whatever has to be sent
again. Its id follows from the import and its number: sent twice, it stands in the log once.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final
from uuid import UUID, uuid5

import orjson

from stratoscope.broker.payload import decode_record_json
from stratoscope.broker.publishing import Outgoing, Publisher
from stratoscope.domain.exchange.checking import Survey
from stratoscope.domain.exchange.landing import Landed, Landing
from stratoscope.domain.exchange.mapping import mapped
from stratoscope.domain.timeline import BEFORE_FIRST, Place
from stratoscope.navigator.exchange.formats import read
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.packing import MAX_BYTES, MAX_RECORDS, Packed, packed
from stratoscope_contracts.errors import ImportFailed
from stratoscope_contracts.subjects import record as record_subject
from stratoscope_contracts.words import HEADER_IMPORT

# A log that is full takes nothing, however often it is sent.
_PATIENCE_SECONDS: Final = 60.0


@dataclass(slots=True)
class Batch:
    """Records that go into one message, and the places they had."""

    traceparent: str | None
    records: list[bytes] = field(default_factory=list)
    places: list[tuple[Place, bool]] = field(default_factory=list)
    size: int = 0
    without_origin: int = 0

    def takes(self, traceparent: str | None, size: int) -> bool:
        """Whether one more record can go along: a trace is a message's, not a record's."""
        if not self.records:
            return True
        return (
            traceparent == self.traceparent
            and len(self.records) < MAX_RECORDS
            and self.size + size <= MAX_BYTES
        )


@dataclass(slots=True)
class Published:
    """What has been recorded so far."""

    landing: Landing
    records: int = 0
    without_origin: int = 0
    last_seq: int | None = None
    event_index: int = BEFORE_FIRST

    def landed(self, batch: Batch, stream_seq: int) -> None:
        """A batch stands in the log."""
        for ordinal, (old, is_event) in enumerate(batch.places):
            self.event_index += is_event
            self.landing.passed(old, Landed(self.event_index, Place(stream_seq, ordinal)))
        self.records += len(batch.places)
        self.without_origin += batch.without_origin
        self.last_seq = stream_seq


def batches(file: IO[bytes], bounds: Bounds, survey: Survey, import_id: UUID) -> Iterator[Batch]:
    """The records of an export that was found whole, as they are to be recorded."""
    batch = Batch(None)
    for member, raw in read(file, bounds):
        if member != "records":
            continue
        record = decode_record_json(raw)
        new = mapped(import_id, record, survey.ids)
        spelled = orjson.dumps(new.record)
        traceparent = record.get("traceparent")
        if not batch.takes(traceparent, len(spelled)):
            yield batch
            batch = Batch(traceparent)
        batch.traceparent = traceparent
        batch.records.append(spelled)
        batch.places.append((_place(record), record["kind"] == "event"))
        batch.size += len(spelled)
        batch.without_origin += not new.has_origin
    if batch.records:
        yield batch


class Recording:
    """An import that is written to the log."""

    def __init__(
        self, publisher: Publisher, space: str, agent: str, import_id: UUID, message_limit: int
    ) -> None:
        self._publisher = publisher
        self._subject = record_subject(space, agent, "batch")
        self._prefix = f"{space}.{agent}"
        self._import_id = import_id
        self._limit = message_limit
        self._sent = 0

    async def record(
        self, found: Iterator[Batch], published: Published, report: Callable[[int], None]
    ) -> None:
        """Publish all batches. Raises ImportFailed where the log does not take them."""
        # The next one is made while one is on its way.
        making = asyncio.create_task(asyncio.to_thread(self._next, found))
        try:
            while (made := await making) is not None:
                making = asyncio.create_task(asyncio.to_thread(self._next, found))
                batch, body = made
                published.landed(batch, await self._publish(body))
                report(published.records)
        finally:
            await asyncio.gather(making, return_exceptions=True)

    def _next(self, found: Iterator[Batch]) -> tuple[Batch, Packed] | None:
        batch = next(found, None)
        if batch is None:
            return None
        return batch, packed(batch.records, batch.traceparent, self._limit)

    async def _publish(self, body: Packed) -> int:
        self._sent += 1
        id_ = uuid5(self._import_id, f"batch {self._sent}")
        headers = body.headers | {HEADER_IMPORT: str(self._import_id)}
        message = Outgoing(self._subject, body.body, f"{self._prefix}.{id_}", headers)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return (await self._publisher.publish(message)).seq
        except TimeoutError as error:
            raise ImportFailed(
                f"the log took no batch for {_PATIENCE_SECONDS:g} s: is it full?",
                {"batches": self._sent - 1},
            ) from error


def _place(record: dict[str, Any]) -> Place:
    return Place(record["stream_seq"], record["ordinal"])
