"""An import whose acknowledgement was lost knows where its batch stands: at the first copy."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from stratoscope.broker.connection import Connection
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.domain.exchange.landing import Landed, Landing
from stratoscope.domain.timeline import Place
from stratoscope.navigator.exchange.batching import Ready
from stratoscope.navigator.exchange.packing import Packed
from stratoscope.navigator.exchange.publishing import Published, Recording
from stratoscope.store.exchange import ImportRow
from stratoscope_contracts.words import HEADER_IMPORT

BODY = b'{"records":[{"kind":"event","id":"0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e","type":"x"}]}'
ROW = ImportRow(UUID(int=7), "default", "a", "b", "o", "d", datetime(2026, 11, 23, tzinfo=UTC))


async def ready(*places: Place) -> AsyncIterator[Ready]:
    """A batch of one event for each of these places."""
    for place in places:
        yield Ready(Packed(BODY, {}), [(place, True)], 0)


@pytest.mark.parametrize("sender", [ROW.id, UUID(int=8)])
async def test_a_batch_that_was_sent_twice_stands_where_intake_takes_it(
    connection: Connection, sender: UUID
) -> None:
    """Unless what stands there is another import's, of the same agent."""
    await ensure_streams(connection.jetstream, StreamSettings())
    recording = Recording(connection, ROW)
    olds = Place(1, 0), Place(2, 0), Place(3, 0)
    published = Published(Landing(olds))
    subject = "strato.default.rec.a.batch"
    await recording.record(ready(olds[0]), published, lambda _: None)

    async def lose_an_acknowledgement(publish):  # the first copy is there, and unheard of
        headers = {HEADER_IMPORT: str(sender)}
        await connection.jetstream.publish(subject, BODY, headers=headers)
        recording._note_retry("timeout")
        return await publish

    first = recording._publisher.publish

    async def publish(message):
        return await lose_an_acknowledgement(first(message))

    recording._publisher.publish = publish
    await recording.record(ready(olds[1]), published, lambda _: None)
    recording._publisher.publish = first
    await recording.record(ready(olds[2]), published, lambda _: None)
    stands = 2 if sender == ROW.id else 3
    assert [published.landing.of(old) for old in olds] == [
        Landed(0, Place(1, 0)),
        Landed(1, Place(stands, 0)),
        Landed(2, Place(4, 0)),
    ]
    assert published.last_seq == 4
