"""The synchronous face: the same recorder, from threads, from within loops, to the very end."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import stratoscope
from stratoscope.broker.connection import Connection
from support.log import Log

NOWHERE = "nats://127.0.0.1:9"


async def in_thread(work: object) -> None:
    assert callable(work)
    await asyncio.to_thread(work)


async def test_it_records_like_the_other_face(nats_url: str, log: Log) -> None:
    """The same names, the same batches."""

    def live() -> None:
        with stratoscope.connect_sync(nats_url, space="lab", batch_age=60) as strato:
            agent = strato.agent("a")
            first = agent.event("message_received", {"text": "go"})
            with agent.causing(first):
                agent.event("decision_made", metadata={"phase": "x"})
            agent.snapshot({"at": [0, 1]}, label="start")
            assert (agent.flush(), strato.flush()) == (1, 1)
            assert strato.stats == stratoscope.Stats(recorded=3, acknowledged=3)
            assert strato.is_connected
        assert strato.stats.acknowledged == 3

    await in_thread(live)
    [message] = await log.messages()
    first, second, third = message.records
    assert second["causes"] == [first["id"]]
    assert third["state"] == {"at": [0, 1]}


async def test_many_threads_record_each_in_its_order(nats_url: str, log: Log) -> None:
    """And wait for room together where the queue is small."""
    said: dict[str, list[str]] = {}

    def live(agent: stratoscope.SyncAgent) -> None:
        said[agent.name] = [agent.event("x", {"n": n}) for n in range(200)]

    def all_live() -> None:
        with (
            stratoscope.connect_sync(
                nats_url, queue_size=50, batch_records=20, on_full="wait"
            ) as strato,
            ThreadPoolExecutor(8) as pool,
        ):
            list(pool.map(live, [strato.agent(f"agent-{n}") for n in range(8)]))

    await in_thread(all_live)
    for name, ids in said.items():
        assert [record["id"] for record in await log.records(name)] == ids


async def test_it_can_be_used_where_a_loop_runs(nats_url: str, log: Log) -> None:
    """LangGraph calls synchronous nodes from within its own loop."""
    with stratoscope.connect_sync(nats_url) as strato:
        strato.agent("a").event("x")
        strato.flush(timeout=20)
    assert len(await log.records()) == 1


async def test_without_a_broker_nothing_raises_and_the_end_is_bounded() -> None:
    """As in the other face."""

    def live() -> None:
        started = time.monotonic()
        with stratoscope.connect_sync(NOWHERE, close_timeout=0.1) as strato:
            strato.agent("a").event("x")
            with pytest.raises(TimeoutError, match="1 records are not acknowledged"):
                strato.flush(timeout=0.05)
        assert time.monotonic() - started < 3
        with pytest.raises(stratoscope.BrokerUnreachable):
            stratoscope.connect_sync(NOWHERE, wait_connected=0.1).__enter__()

    await in_thread(live)


async def test_its_thread_ends_with_it(nats_url: str, connection: Connection) -> None:
    """Nothing is left running."""

    def live() -> None:
        with stratoscope.connect_sync(nats_url, name="my-recorder") as strato:
            strato.agent("a").event("x")
            assert any(thread.name == "my-recorder" for thread in threading.enumerate())
        assert not any(thread.name == "my-recorder" for thread in threading.enumerate())
        strato.close()
        with pytest.raises(stratoscope.RecorderClosed):
            strato.agent("a").event("x")

    await in_thread(live)


async def test_a_bad_record_is_the_callers_and_costs_nobody_else(nats_url: str, log: Log) -> None:
    """Raised where it was made, in its own thread."""

    def live() -> None:
        with stratoscope.connect_sync(nats_url) as strato:
            agent = strato.agent("a")
            agent.event("before")
            with pytest.raises(stratoscope.InvalidRecord, match=r"data\.x"):
                agent.event("x", {"x": {1, 2}})
            agent.event("after")

    await in_thread(live)
    assert [record["type"] for record in await log.records()] == ["before", "after"]
