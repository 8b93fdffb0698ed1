"""Where the log is not the one that was projected, nobody is answered by its numbers."""

import asyncio

import pytest

from stratoscope.broker.connection import connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.domain.log_identity import fingerprint
from stratoscope.navigator.log_watch import LogWatch, log_watching
from stratoscope.navigator.serving import serving
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.migration import migrate
from stratoscope.store.watermarks import Watermarks
from stratoscope_contracts.errors import NotProjectedYet
from stratoscope_contracts.words import PARTITIONS, STREAM_RECORD
from support.database_roles import dsn_as
from support.eventually import eventually
from support.stack import NatsServer

SUBJECT = "strato.default.rec.a.event"


async def test_numbers_of_a_log_that_was_rolled_back_are_refused_while_it_grows(
    nats_server: NatsServer, projection_dsn: str
):
    serves = (await migrate(projection_dsn)).serving
    dsn = await dsn_as("navigator", projection_dsn)
    broker = await connect(nats_server.url, name="test")
    await ensure_streams(broker.jetstream, StreamSettings())
    async with (
        serving(dsn, serves, size=2) as sessions,
        serving(projection_dsn, serves, size=1) as owner,
    ):
        waiting = Waiting(Watermarks(sessions).read)
        watch = LogWatch(broker.client, sessions, waiting, every=0.05)

        async def record(count: int, text: str) -> None:
            for number in range(count):
                await broker.jetstream.publish(SUBJECT, f"{text} {number}".encode())

        async def differs() -> bool:
            return watch.difference is not None

        async def agrees() -> bool:
            return watch.difference is None

        await record(5, "first")
        info = await broker.jetstream.stream_info(STREAM_RECORD)
        last = await broker.jetstream.get_msg(STREAM_RECORD, 5)
        digest = fingerprint(last.subject or "", last.data or b"")
        await owner.fetch(
            "update partition set stream_seq = 5, probe_seq = 5, probe_digest = $1", digest
        )
        await owner.fetch(
            "insert into log (stream, created_at) values ($1, $2)", STREAM_RECORD, info.created
        )
        async with log_watching(watch):
            await waiting.until(range(PARTITIONS), 5, 1.0)
            waits = asyncio.create_task(waiting.until(range(PARTITIONS), 7, 30.0))
            # A backup of it is put in its place, and recorders go on beyond what was projected.
            await broker.jetstream.delete_stream(STREAM_RECORD)
            await ensure_streams(broker.jetstream, StreamSettings())
            await record(9, "second")
            await eventually(differs)
            with pytest.raises(NotProjectedYet, match="STRATO_RECORD was made at"):
                await waits
            with pytest.raises(NotProjectedYet, match="was made at"):
                await waiting.until(range(PARTITIONS), 5, 30.0)
            remade = await broker.jetstream.stream_info(STREAM_RECORD)
            await owner.fetch("update log set created_at = $1", remade.created)
            # As one restored from a backup has it: another message under the same number.
            await eventually(lambda: says(watch, "another message at 5"))
            await owner.fetch("update partition set probe_digest = null")
            await eventually(agrees)
            await waiting.until(range(PARTITIONS), 5, 1.0)
    await broker.close()


async def says(watch: LogWatch, text: str) -> bool:
    return watch.difference is not None and text in watch.difference


async def test_a_broker_that_answers_is_told_while_the_database_does_not(
    nats_server: NatsServer, projection_dsn: str
):
    serves = (await migrate(projection_dsn)).serving
    broker = await connect(nats_server.url, name="test")
    await ensure_streams(broker.jetstream, StreamSettings())
    async with serving(projection_dsn, serves, size=1) as sessions:
        watch = LogWatch(broker.client, sessions, Waiting(Watermarks(sessions).read), every=0.05)
        async with sessions.acquire(), log_watching(watch):
            before = watch.broker.seconds
            await asyncio.sleep(0)
            await eventually(lambda: beat_since(watch, before))
    await broker.close()


async def beat_since(watch: LogWatch, before: float) -> bool:
    return watch.broker.seconds < before or watch.broker.seconds < 0.05
