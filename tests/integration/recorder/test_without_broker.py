"""A broker that is away or goes away costs the agent nothing but memory, and the log nothing."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

import stratoscope
from stratoscope.broker.connection import connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from support.eventually import eventually
from support.log import Log
from support.stack import NatsServer

NOWHERE = "nats://127.0.0.1:9"


async def test_records_in_flight_survive_a_killed_broker_once_and_in_order(
    nats_url: str, nats_server: NatsServer, log: Log
) -> None:
    """Twice killed in the middle: after deduplication by id each agent's log is what it said."""
    agents, events = 10, 600
    said: dict[str, list[str]] = {f"agent-{n}": [] for n in range(agents)}

    async def live(agent: stratoscope.Agent) -> None:
        for n in range(events):
            said[agent.name].append(await agent.event("x", {"n": n}))
            await asyncio.sleep(0.002)

    async with stratoscope.connect(
        nats_url, batch_records=20, batch_age=0.01, ack_timeout=0.5, in_flight=4
    ) as strato:
        living = asyncio.gather(*(live(strato.agent(name)) for name in said))
        for acknowledged in (500, 2_500):
            await eventually(lambda least=acknowledged: has(strato, least), within=30)
            nats_server.kill()
            await asyncio.sleep(0.1)
            await asyncio.to_thread(nats_server.start)
        await living
        await strato.flush(timeout=30)
        assert strato.stats.acknowledged == agents * events
        assert strato.stats.buffered == 0
    for name, ids in said.items():
        assert [record["id"] for record in await log.once(name)] == ids


async def has(strato: stratoscope.Recorder, acknowledged: int) -> bool:
    return strato.stats.acknowledged >= acknowledged


async def test_recording_begins_without_a_broker_and_is_sent_when_there_is_one(
    nats_url: str, nats_server: NatsServer
) -> None:
    """Connecting is nothing to wait for."""
    nats_server.stop()
    async with stratoscope.connect(nats_url) as strato:
        assert not strato.is_connected
        first = await strato.agent("a").event("x")
        await asyncio.to_thread(nats_server.start)
        opened = await connect(nats_url, name="test")
        await ensure_streams(opened.jetstream, StreamSettings())
        assert "is nats-server running there?" in strato.last_error
        await strato.flush(timeout=20)
        assert strato.is_connected
        assert strato.last_error == ""
        assert [record["id"] for record in await Log(opened).records()] == [first]
        await opened.close()


async def test_who_wants_to_know_at_once_is_told_at_once() -> None:
    """`wait_connected` turns a missing broker into an error."""
    started = time.monotonic()
    with pytest.raises(
        stratoscope.BrokerUnreachable, match=r"127\.0\.0\.1:9 within 0\.2 s: .*is nats-server"
    ):
        async with stratoscope.connect(NOWHERE, wait_connected=0.2):
            pass
    assert time.monotonic() - started < 3


async def test_flush_says_how_many_are_outstanding_and_keeps_them() -> None:
    """Of one agent, or of all; leaving the context says how many are lost."""
    async with stratoscope.connect(NOWHERE, close_timeout=0) as strato:
        for _ in range(3):
            await strato.agent("a").event("x")
        await strato.agent("b").event("x")
        with pytest.raises(TimeoutError, match=r"4 records .* after 0\.05 s"):
            await strato.flush(timeout=0.05)
        with pytest.raises(TimeoutError, match="3 records"):
            await strato.agent("a").flush(timeout=0.05)
        assert strato.stats.buffered == 4


async def test_the_end_is_bounded_and_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """An agent's process ends although its broker does not come back."""
    started = time.monotonic()
    async with stratoscope.connect(NOWHERE, close_timeout=0.2) as strato:
        await strato.agent("a").event("x")
    assert time.monotonic() - started < 3
    assert "closing the recorder loses records: 1 records are not acknowledged" in caplog.text


async def test_a_full_queue_makes_the_agent_wait(
    nats_url: str, nats_server: NatsServer, log: Log
) -> None:
    """Until there is room again; nothing is lost."""
    nats_server.stop()
    async with stratoscope.connect(nats_url, queue_size=5, on_full="wait") as strato:
        agent = strato.agent("a")

        async def live() -> list[str]:
            return [await agent.event("x", {"n": n}) for n in range(20)]

        living = asyncio.create_task(live())
        await eventually(lambda: is_full(strato))
        assert not living.done()
        await asyncio.to_thread(nats_server.start)
        async with asyncio.timeout(20):
            ids = await living
        await strato.flush(timeout=20)
        assert strato.stats.dropped == 0
    assert [record["id"] for record in await log.once()] == ids


async def is_full(strato: stratoscope.Recorder) -> bool:
    return strato.stats.buffered == 5


async def test_a_full_queue_drops_and_counts_where_that_was_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One warning, not one a record, and the agent never waits."""
    async with stratoscope.connect(
        NOWHERE, queue_size=5, on_full="drop", close_timeout=0
    ) as strato:
        async with asyncio.timeout(5):
            ids = [await strato.agent("a").event("x") for _ in range(20)]
        assert len(set(ids)) == 20
        assert (strato.stats.recorded, strato.stats.dropped) == (5, 15)
        warnings = [one for one in caplog.records if "queue of 5 records is full" in one.message]
        assert len(warnings) == 1
        assert warnings[0].levelno == logging.WARNING


async def test_by_default_the_oldest_are_dropped_and_the_timeline_says_so(
    nats_url: str, nats_server: NatsServer, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """After one short wait: an agent is never stopped by a broker that is away."""
    nats_server.stop()
    async with stratoscope.connect(nats_url, queue_size=5, full_wait=0.05) as strato:
        agent = strato.agent("a")
        ids = [await agent.event("x", {"n": 0})]
        # What is under way when the broker is missed is never dropped.
        await eventually(lambda: is_under_way(strato, "a"))
        started = time.monotonic()
        ids += [await agent.event("x", {"n": n}) for n in range(1, 500)]
        assert time.monotonic() - started < 5
        assert strato.stats.dropped == 495
        assert strato.stats.buffered == 5
        await asyncio.to_thread(nats_server.start)
        await strato.flush(timeout=20)
        assert strato.stats == stratoscope.Stats(
            recorded=500, acknowledged=5, dropped=495, retries=strato.stats.retries
        )
    recorded = await log.once()
    assert [record["id"] for record in recorded] == [ids[0], *ids[-4:]]
    assert [record.get("gap", {}).get("records") for record in recorded] == [
        None,
        495,
        None,
        None,
        None,
    ]
    warnings = [one for one in caplog.records if "queue of 5 records is full" in one.message]
    assert len(warnings) == 1


async def is_under_way(strato: stratoscope.Recorder, agent: str) -> bool:
    lane = strato._outbox.lane(agent)
    return lane is not None and lane.in_flight == 1


async def test_a_flush_ends_where_all_that_it_waited_for_was_dropped(
    nats_url: str, nats_server: NatsServer, log: Log
) -> None:
    """And what was dropped is told, though no record follows."""
    async with stratoscope.connect(
        nats_url, queue_size=1, full_wait=0, batch_age=60, on_full="drop_oldest"
    ) as strato:
        gone, stays = strato.agent("gone"), strato.agent("stays")
        await gone.event("x")
        await stays.event("x")
        await strato.flush(timeout=20)
        assert (strato.stats.dropped, strato.stats.buffered) == (1, 0)
    [told] = await log.records("gone")
    assert (told["type"], told["gap"]["records"]) == ("records_dropped", 1)
    assert told["gap"]["first_at"] == told["gap"]["last_at"] == told["occurred_at"]
    assert [record["type"] for record in await log.records("stays")] == ["x"]


async def test_an_agent_waiting_for_room_is_told_when_the_recorder_ends() -> None:
    """It would wait for ever."""
    strato = stratoscope.connect(NOWHERE, queue_size=1, on_full="wait", close_timeout=0)
    async with strato:
        await strato.agent("a").event("x")
        waiting = asyncio.create_task(strato.agent("a").event("x"))
        flushing = asyncio.create_task(strato.flush())
        await asyncio.sleep(0)
    with pytest.raises(stratoscope.RecorderClosed):
        await waiting
    with pytest.raises(stratoscope.RecorderClosed):
        await flushing


async def test_a_connection_cut_for_good_is_made_anew(nats_url: str, log: Log) -> None:
    """Where a service would end its process, an agent must not notice."""
    async with stratoscope.connect(nats_url) as strato:
        await strato.agent("a").event("x")
        await strato.flush()
        parts = strato._parts
        assert parts is not None
        assert parts.link._connection is not None
        await parts.link._connection.client.close()
        await strato.agent("a").event("x")
        await strato.flush(timeout=20)
    assert len(await log.records()) == 2


async def test_a_broker_without_the_streams_is_waited_for(nats_url: str) -> None:
    """The services that make them may start later."""
    async with stratoscope.connect(nats_url, wait_connected=5) as strato:
        await strato.agent("a").event("x")
        with pytest.raises(TimeoutError):
            await strato.flush(timeout=0.3)
        assert strato.stats.retries > 0
        assert "start a projector, which makes STRATO_RECORD" in strato.last_error
        opened = await connect(nats_url, name="test")
        await ensure_streams(opened.jetstream, StreamSettings())
        await strato.flush(timeout=20)
        assert strato.last_error == ""
        await opened.close()
