"""Recording an export anew: batches of its records, one after the other.

One batch is on its way at a time, so that the new timeline keeps the order whatever has to be sent
again. The ids of its records follow from the import: of a batch that is sent twice, intake takes
each record once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from stratoscope.broker.connection import Connection
from stratoscope.broker.ending import end_tasks
from stratoscope.broker.publishing import Outgoing, Publisher
from stratoscope.domain.exchange.landing import Landed, Landing
from stratoscope.domain.timeline import BEFORE_FIRST, Place
from stratoscope.navigator.exchange.batching import Ready
from stratoscope.navigator.exchange.packing import Packed
from stratoscope.store.exchange import ImportRow
from stratoscope_contracts.errors import ImportFailed
from stratoscope_contracts.subjects import record as record_subject
from stratoscope_contracts.subjects import stored
from stratoscope_contracts.words import HEADER_IMPORT, STREAM_RECORD

# A log that is full takes nothing, however often it is sent.
_PATIENCE_SECONDS: Final = 60.0


@dataclass(slots=True)
class Published:
    """What has been recorded so far."""

    landing: Landing
    records: int = 0
    without_origin: int = 0
    last_seq: int | None = None
    event_index: int = BEFORE_FIRST

    def landed(self, batch: Ready, stream_seq: int) -> None:
        """A batch stands in the log."""
        for ordinal, (old, is_event) in enumerate(batch.places):
            self.event_index += is_event
            self.landing.passed(old, Landed(self.event_index, Place(stream_seq, ordinal)))
        self.records += len(batch.places)
        self.without_origin += batch.without_origin
        self.last_seq = stream_seq


class Recording:
    """An import that is written to the log."""

    def __init__(self, connection: Connection, row: ImportRow) -> None:
        self._jetstream = connection.jetstream
        self._publisher = Publisher(connection, on_retry=self._note_retry)
        self._row = row
        self._subject = record_subject(row.space, row.agent, "batch")
        self._sent = 0
        self._last_seq = 0
        self._retried = False

    async def record(
        self, found: AsyncIterator[Ready], published: Published, report: Callable[[int], None]
    ) -> None:
        """Publish all batches. Raises ImportFailed where the log does not take them."""
        # The next one is made while one is on its way.
        coming = asyncio.ensure_future(anext(found, None))
        try:
            while (batch := await coming) is not None:
                coming = asyncio.ensure_future(anext(found, None))
                published.landed(batch, await self._publish(batch.packed))
                report(published.records)
        finally:
            await end_tasks([coming])

    async def _publish(self, body: Packed) -> int:
        """Where the batch stands in the log: its first copy, which intake takes."""
        self._sent += 1
        self._retried = False
        row, headers = self._row, body.headers | {HEADER_IMPORT: str(self._row.id)}
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                message = Outgoing(self._subject, body.body, headers=headers)
                acknowledged = (await self._publisher.publish(message)).seq
                stands = await self._first_copy(acknowledged) if self._retried else acknowledged
        except TimeoutError as error:
            raise ImportFailed(
                f"the log took no batch for {_PATIENCE_SECONDS:g} s: is it full?",
                {"agent": row.agent, "batches": self._sent - 1},
            ) from error
        self._last_seq = acknowledged
        return stands

    def _note_retry(self, _: str) -> None:
        self._retried = True

    async def _first_copy(self, acknowledged: int) -> int:
        """The first of the copies of a batch whose acknowledgement may have been lost."""
        found = await self._jetstream.get_msg(
            STREAM_RECORD,
            seq=self._last_seq + 1,
            subject=stored(self._row.space, self._row.agent, "batch"),
            next=True,
        )
        is_own = (found.headers or {}).get(HEADER_IMPORT) == str(self._row.id)
        return found.seq if is_own and found.seq is not None else acknowledged
