"""Reading a stream in order: nothing is skipped or guessed, and no more waits than asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import zstandard

from stratoscope.broker import puller as module
from stratoscope.broker.connection import Connection
from stratoscope.broker.puller import Delivered, Doubt, Puller
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope_contracts.subjects import partition_of, stored, stored_partition
from stratoscope_contracts.words import STREAM_RECORD
from support.eventually import eventually
from support.stack import NatsServer

MIB = 1 << 20
SUBJECT = "strato.default.rec.a.event"


@pytest.fixture
async def log(connection: Connection) -> AsyncIterator[Connection]:
    """A broker with the streams of the contract."""
    await ensure_streams(connection.jetstream, StreamSettings())
    return connection


async def record(log: Connection, count: int, body: bytes = b"{}", subject: str = SUBJECT) -> int:
    """Store messages; the last one's sequence."""
    for _ in range(count - 1):
        await log.client.publish(subject, body)
    return (await log.jetstream.publish(subject, body, timeout=20)).seq


def reading(log: Connection, start_seq: int = 1, **settings) -> Puller:
    return Puller(log.client, STREAM_RECORD, start_seq=start_seq, **settings)


async def taken(source: Puller, count: int, limit: int = 1000) -> list[Delivered]:
    """So many messages, however many takes they come in."""
    found: list[Delivered] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await source.take(limit, 1.0, 64 * MIB)
    return found


async def delivered(log: Connection) -> int:
    """How many messages the server has sent out to the only consumer."""
    (info,) = await log.jetstream.consumers_info(STREAM_RECORD)
    return info.delivered.consumer_seq


async def test_messages_come_in_order_from_a_sequence_on_with_all_that_they_are(log):
    await record(log, 3)
    before = datetime.now(UTC)
    id_ = uuid4().hex
    await log.jetstream.publish(SUBJECT, b'{"a":1}', headers={"Nats-Msg-Id": id_, "x": "y"})
    await record(log, 1, b"")
    async with reading(log, 3) as source:
        first, second, third = await taken(source, 3)
    assert [first.stream_seq, second.stream_seq, third.stream_seq] == [3, 4, 5]
    assert second.subject == stored("default", "a", "event")
    assert (second.data, second.headers) == (b'{"a":1}', {"Nats-Msg-Id": id_, "x": "y"})
    assert timedelta(0) <= second.recorded_at - before < timedelta(seconds=5)
    assert (third.data, third.headers) == (b"", None)
    kept = await log.jetstream.get_msg(STREAM_RECORD, 4)
    assert kept.time is not None
    assert abs(kept.time - second.recorded_at) <= timedelta(microseconds=1)


async def test_more_than_many_pulls_come_whole(log):
    last = await record(log, 5000)
    async with reading(log, batch=70) as source:
        found = await taken(source, last, limit=33)
        assert [one.stream_seq for one in found] == list(range(1, last + 1))
        assert await source.take(10, 0.01, MIB) == []


async def test_only_the_wanted_partitions_come(log):
    agents = [f"agent-{number}" for number in range(20)]
    wanted = {partition_of("default", agents[0]), partition_of("default", agents[1])}
    for agent in agents:
        last = await record(log, 1, subject=f"strato.default.rec.{agent}.event")
    due = [seq for seq, agent in enumerate(agents, 1) if partition_of("default", agent) in wanted]
    subjects = [stored_partition(number) for number in wanted]
    async with reading(log, subjects=subjects) as source:
        assert [one.stream_seq for one in await taken(source, len(due))] == due
        await until_passed(source, last)
        # Of what is not for this reader it learns by heartbeats alone.
        for agent in agents:
            if partition_of("default", agent) not in wanted:
                last = await record(log, 1, subject=f"strato.default.rec.{agent}.event")
        await until_passed(source, last)


async def until_passed(source: Puller, stream_seq: int) -> None:
    """Take nothing until a message is passed, as a reader does that has nothing to do."""
    async with asyncio.timeout(5):
        while source.passed < stream_seq:
            assert await source.take(1, 0.1, MIB) == []
    assert source.passed == stream_seq


async def test_a_take_is_bounded_in_messages_and_bytes(log):
    await record(log, 10, b"x" * 1000)
    async with reading(log) as source:
        await eventually(lambda: came(log, 10))
        assert len(await source.take(3, 1.0, MIB)) == 3
        # One more is begun while the bytes are not reached.
        assert len(await source.take(10, 1.0, 1500)) == 2
        assert len(await source.take(10, 1.0, 1)) == 1
        assert len(await taken(source, 4)) == 4


async def test_packed_messages_weigh_what_they_unpack_to(log):
    body = zstandard.ZstdCompressor().compress(b"x" * MIB)
    for _ in range(6):
        await log.jetstream.publish(SUBJECT, body, headers={"Content-Encoding": "zstd"})
    async with reading(log) as source:
        await eventually(lambda: came(log, 6))
        assert len(await source.take(10, 1.0, 3 * MIB)) == 3
        assert len(await source.take(10, 1.0, 1)) == 1
        assert len(await source.take(10, 1.0, 64 * MIB)) == 2


async def came(log: Connection, count: int) -> bool:
    return await delivered(log) >= count


async def test_nothing_is_passed_that_was_not_taken(log, monkeypatch):
    monkeypatch.setattr(module, "_SLOW_HEARTBEAT", 0.02)
    async with reading(log) as source:
        assert source.passed == 0
        await record(log, 2)
        await eventually(lambda: searched(source, 2))
        assert source.passed == 0
        assert len(await source.take(1, 1.0, MIB)) == 1
        assert source.passed == 0
        assert len(await source.take(1, 1.0, MIB)) == 1
        assert source.passed == 2


async def searched(source: Puller, stream_seq: int) -> bool:
    """Whether a heartbeat has told of a message that is not taken yet."""
    return source._searched == (stream_seq, stream_seq)


async def test_messages_that_were_deleted_are_passed(log):
    await record(log, 3)
    async with reading(log) as source:
        await taken(source, 3)
        last = await record(log, 2)
        await log.jetstream.purge_stream(STREAM_RECORD)
        async with asyncio.timeout(5):
            while source.passed < last:
                await source.take(10, 0.1, MIB)


async def test_a_reader_that_pauses_is_sent_two_batches_and_no_more(log):
    await record(log, 1000)
    async with reading(log, batch=50) as source:
        await eventually(lambda: came(log, 100))
        assert await delivered(log) == 100
        await taken(source, 30, limit=10)
        # One batch has room again only once another fits.
        assert await delivered(log) == 100
        await taken(source, 20, limit=10)
        await eventually(lambda: came(log, 150))
        assert await delivered(log) == 150


async def test_few_large_messages_do_not_pile_up(log):
    last = await record(log, 60, b"x" * MIB)
    count = 0
    async with reading(log, max_bytes=5 * MIB) as source:
        while count < last:
            found = await source.take(10, 1.0, 1)
            count += len(found)
            # What waits here or is on its way: two pulls of four, beside what they are added to.
            assert await delivered(log) - count <= 15


async def test_the_largest_message_comes(log):
    for _ in range(5):  # more than one pull brings
        await record(log, 1, b"x" * (8 * MIB - 100))
    async with reading(log) as source:
        assert [one.stream_seq for one in await taken(source, 5)] == list(range(1, 6))


async def test_pulls_that_expire_are_renewed(log, monkeypatch):
    monkeypatch.setattr(module, "_EXPIRES", 0.25)
    monkeypatch.setattr(module, "_SLOW_HEARTBEAT", 0.1)
    async with reading(log, batch=5) as source:
        for _ in range(10):
            assert await source.take(10, 0.1, MIB) == []
        await record(log, 12)
        assert len(await taken(source, 12)) == 12
        (info,) = await log.jetstream.consumers_info(STREAM_RECORD)
        assert info.num_waiting <= 3


async def test_a_reader_that_hears_nothing_is_in_doubt(log, monkeypatch):
    monkeypatch.setattr(module, "_EXPIRES", 0.2)
    monkeypatch.setattr(module, "_SLOW_HEARTBEAT", 0.1)
    monkeypatch.setattr(module, "_SILENCE", 0.25)
    async with reading(log) as source:
        ended = asyncio.Event()
        wait = asyncio.get_running_loop().call_later(1.0, ended.set)
        await ended.wait()  # no pull is renewed meanwhile, so the server has nothing to say
        wait.cancel()
        with pytest.raises(Doubt, match="no heartbeat"):
            await source.take(1, 0.0, MIB)


async def test_a_message_that_somebody_else_was_given_is_a_gap(log):
    async with reading(log) as source:
        (info,) = await log.jetstream.consumers_info(STREAM_RECORD)
        await record(log, 1)
        await taken(source, 1)
        stolen = log.client.new_inbox()
        thief = await log.client.subscribe(stolen)
        request = json.dumps({"batch": 5}).encode()
        next_ = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM_RECORD}.{info.name}"
        await log.client.publish(next_, request, reply=stolen)
        await eventually(lambda: asked(log, 3))
        await record(log, 20)
        await thief.next_msg(timeout=5)
        with pytest.raises(Doubt, match=r"delivery \d+ came where \d+ was due|\d+ deliveries were"):
            await taken(source, 20)


async def asked(log: Connection, pulls: int) -> bool:
    (info,) = await log.jetstream.consumers_info(STREAM_RECORD)
    return info.num_waiting == pulls


async def test_a_consumer_that_is_deleted_is_told_at_once(log):
    async with reading(log) as source:
        (info,) = await log.jetstream.consumers_info(STREAM_RECORD)
        await log.jetstream.delete_consumer(STREAM_RECORD, info.name)
        with pytest.raises(Doubt, match="Consumer Deleted"):
            await taken(source, 1)


async def test_deliveries_that_did_not_arrive_are_missed_at_the_next_heartbeat(log, monkeypatch):
    """No message has to come to show that one before it was lost."""
    monkeypatch.setattr(module, "_SLOW_HEARTBEAT", 0.05)
    async with reading(log) as source:
        receive = source._receive
        lost = asyncio.Event()

        async def lose(message):
            lost.set() if message.reply else await receive(message)

        monkeypatch.setattr(source._subscription, "_cb", lose)
        await record(log, 1)
        await lost.wait()
        with pytest.raises(Doubt, match="1 deliveries were lost"):
            await taken(source, 1)


async def test_a_stream_that_is_gone_is_a_doubt(log, monkeypatch):
    monkeypatch.setattr(module, "_SILENCE", 1.0)
    async with reading(log) as source:
        await log.jetstream.delete_stream(STREAM_RECORD)
        # The server does not always say so by itself.
        with pytest.raises(Doubt):
            await taken(source, 1)


async def test_a_broker_that_was_away_is_a_doubt(log, nats_server: NatsServer):
    await record(log, 5)
    async with reading(log) as source:
        assert len(await taken(source, 5)) == 5
        nats_server.kill()
        nats_server.start()
        with pytest.raises(Doubt, match="lost and made again"):
            await taken(source, 1)
    # A new one goes on where the reader was.
    last = await record(log, 1)
    async with reading(log, last) as source:
        assert [one.stream_seq for one in await taken(source, 1)] == [last]


async def test_a_closed_connection_is_a_doubt(log):
    async with reading(log) as source:
        await log.close()
        with pytest.raises(Doubt, match="closed"):
            await source.take(1, 0.0, MIB)


async def test_a_reader_leaves_nothing_behind(log):
    async with reading(log):
        assert len(await log.jetstream.consumers_info(STREAM_RECORD)) == 1
    assert await log.jetstream.consumers_info(STREAM_RECORD) == []
