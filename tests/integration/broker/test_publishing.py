"""A message is published until it is acknowledged, once, and never at the connection's cost."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from nats.errors import Error as NatsError
from nats.js.api import PubAck

from stratoscope.broker.connection import BrokerUnreachable, Connection
from stratoscope.broker.publishing import (
    MessageTooLarge,
    Outgoing,
    Publisher,
    PublishRefused,
    message_size,
)
from stratoscope.broker.streams import StreamSettings, definitions, ensure_streams
from stratoscope_contracts import subjects
from stratoscope_contracts.words import MAX_MESSAGE_BYTES, STREAM_HITS
from support.eventually import eventually
from support.stack import NatsServer


def outgoing(number: int, body: bytes = b"{}") -> Outgoing:
    return Outgoing(subjects.hit("default", "a"), body, f"default.a.{number}")


async def has(connection: Connection, some: int) -> bool:
    await connection.wait_usable()
    try:
        return (await connection.jetstream.stream_info(STREAM_HITS)).state.messages >= some
    except NatsError:
        return False


async def test_a_message_stands_once_however_often_it_is_sent(connection: Connection) -> None:
    """The id is the broker's deduplication."""
    await ensure_streams(connection.jetstream, StreamSettings())
    publisher = Publisher(connection)
    first = await publisher.publish(outgoing(1))
    again = await publisher.publish(outgoing(1))
    assert (first.seq, again.seq, again.duplicate) == (1, 1, True)


async def test_messages_that_were_put_on_their_way_are_told_from_those_that_are_lost(
    connection: Connection,
) -> None:
    await ensure_streams(connection.jetstream, StreamSettings())
    publisher = Publisher(connection, ack_timeout=0.5)
    begun = [await publisher.begin(outgoing(number)) for number in (1, 2)]
    sent = [one for one in begun if one is not None]
    never: asyncio.Future[PubAck] = asyncio.get_running_loop().create_future()
    assert await publisher.acknowledged([*sent, never]) == set(sent)
    assert [one.result().seq for one in sent] == [1, 2]
    # One whose acknowledgement is lost is sent again, and stands once.
    assert never.cancelled()
    assert (await publisher.publish(outgoing(2))).seq == 2
    assert await publisher.acknowledged([]) == set()
    large = outgoing(3, b"x" * (connection.message_limit + 1))
    assert await publisher.begin(large) is None
    with pytest.raises(MessageTooLarge):
        await publisher.publish(large)


async def test_the_largest_message_goes_out_and_one_byte_more_is_refused_here(
    connection: Connection,
) -> None:
    """The server would cut the connection, and the client would be closed for good."""
    await ensure_streams(connection.jetstream, StreamSettings())
    publisher = Publisher(connection)
    room = MAX_MESSAGE_BYTES - message_size(b"", outgoing(1).all_headers())
    await publisher.publish(outgoing(1, bytes(room)))
    with pytest.raises(MessageTooLarge, match=f"at most {MAX_MESSAGE_BYTES}"):
        await publisher.publish(outgoing(2, bytes(room + 1)))
    assert connection.client.is_connected
    await publisher.publish(outgoing(3))


async def test_what_the_stream_will_never_take_is_not_tried_for_ever(
    connection: Connection,
) -> None:
    """A stream of an operator's own may take less than the contract's."""
    small = definitions(StreamSettings())[2].evolve(max_msg_size=1000)
    await connection.jetstream.add_stream(small)
    with pytest.raises(PublishRefused, match="refused"):
        await Publisher(connection).publish(outgoing(1, bytes(2000)))


async def test_a_message_without_a_stream_is_sent_again_until_there_is_one(
    connection: Connection,
) -> None:
    """An agent may be up before the services that make the streams."""
    retried = asyncio.Event()
    publisher = Publisher(connection, on_retry=lambda trouble: retried.set())
    waiting = asyncio.create_task(publisher.publish(outgoing(1)))
    async with asyncio.timeout(10):
        await retried.wait()
        await ensure_streams(connection.jetstream, StreamSettings())
        assert (await waiting).seq == 1


async def test_messages_in_flight_survive_a_killed_server_and_stand_once(
    connection: Connection, nats_server: NatsServer
) -> None:
    """Lost acknowledgements are waited for with a limit, then the same id is sent again."""
    await ensure_streams(connection.jetstream, StreamSettings())
    publisher = Publisher(connection, in_flight=8, ack_timeout=0.5)
    sending = asyncio.gather(*(publisher.publish(outgoing(n)) for n in range(3000)))
    for some in (50, 500):
        await eventually(partial(has, connection, some))
        nats_server.kill()
        await asyncio.to_thread(nats_server.start)
    async with asyncio.timeout(30):
        acknowledged = await sending
    assert sorted(ack.seq for ack in acknowledged) == list(range(1, 3001))
    assert (await connection.jetstream.stream_info(STREAM_HITS)).state.messages == 3000


async def test_a_closed_connection_ends_the_waiting(connection: Connection) -> None:
    """Nobody waits for ever on what cannot come."""
    publisher = Publisher(connection)
    waiting = asyncio.create_task(publisher.publish(outgoing(1)))
    await asyncio.sleep(0.05)
    await connection.close()
    with pytest.raises(BrokerUnreachable):
        await waiting
