"""By when everything was recorded that a stream has lost."""

from __future__ import annotations

from datetime import UTC, datetime

from stratoscope.broker.connection import Connection
from stratoscope.broker.front import lost_until


async def test_it_is_what_the_stream_says_of_its_first_message_or_its_last_ever(
    connection: Connection,
) -> None:
    stream = connection.jetstream
    await stream.add_stream(name="LOG", subjects=["log"])
    assert await lost_until(connection.client, "LOG") == datetime.min.replace(tzinfo=UTC)
    for _ in range(4):
        await stream.publish("log", b"")
    times = [(await stream.get_msg("LOG", seq)).time for seq in (1, 2, 3, 4)]
    assert await lost_until(connection.client, "LOG") == times[0]
    await stream.purge_stream("LOG", seq=3)
    assert await lost_until(connection.client, "LOG") == times[2]
    await stream.purge_stream("LOG")
    assert await lost_until(connection.client, "LOG") == times[3]
