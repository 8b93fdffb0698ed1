"""A LangGraph run over the real recorder and a real broker, read back from the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import TypeAdapter

import stratoscope
from stratoscope.adapters.langgraph import agent_of_thread, record, to_json, to_state
from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.demo.agent import THREAD, arun, build, run
from stratoscope.demo.tools import InvoiceRejected
from stratoscope_contracts.records import BatchEvent, BatchRecord, BatchSnapshot
from support import graphs
from support.graphs import CATALOGUE
from support.log import Log

Kept = BatchEvent | BatchSnapshot
CONTRACT: TypeAdapter[Kept] = TypeAdapter(BatchRecord)


@pytest.fixture
async def connection(nats_url: str) -> AsyncIterator[Connection]:
    """Connected to a broker whose streams are made."""
    opened = await connect(nats_url, name="test")
    await ensure_streams(opened.jetstream, StreamSettings())
    yield opened
    await opened.close()


async def timeline(connection: Connection, agent: str) -> list[Kept]:
    """An agent's records in the log's order, each read by the contract's own models."""
    records = await Log(connection).records(agent)
    return [CONTRACT.validate_json(json.dumps(record)) for record in records]


def events(kept: list[Kept], *types: str) -> list[BatchEvent]:
    return [e for e in kept if isinstance(e, BatchEvent) and (not types or e.type in types)]


def snapshots(kept: list[Kept]) -> dict[str, BatchSnapshot]:
    return {r.metadata["checkpoint_id"]: r for r in kept if isinstance(r, BatchSnapshot)}


def assert_is_history(kept: list[Kept], graph: Any, config: Any) -> None:
    """The recorded states, what is next and LangGraph's metadata are those of its history."""
    history = list(graph.get_state_history(config))
    recorded = snapshots(kept)
    assert len(recorded) == len(history) > 0
    for saved in history:
        snapshot = recorded[saved.config["configurable"]["checkpoint_id"]]
        assert snapshot.state == to_state(saved.values)
        assert snapshot.metadata["next"] == list(saved.next)
        assert snapshot.metadata["metadata"] == to_json(saved.metadata)


def config_of(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name != "failing"])
async def test_each_state_in_the_log_is_what_the_history_says(
    name: str, connection: Connection, nats_url: str
) -> None:
    build_graph, given, resumes = CATALOGUE[name]
    config = config_of(f"thread {name}")
    async with stratoscope.connect(nats_url) as strato:
        graph = record(build_graph(InMemorySaver()), strato)
        for each in (given, *(Command(resume=resume) for resume in resumes)):
            await graph.ainvoke(each, config)
    kept = await timeline(connection, agent_of_thread(f"thread {name}"))
    assert_is_history(kept, graph, config)


def test_the_sync_recorder_records_invoke_and_stream(nats_url: str) -> None:
    async def made() -> None:
        opened = await connect(nats_url, name="test")
        await ensure_streams(opened.jetstream, StreamSettings())
        await opened.close()

    async def read() -> list[Kept]:
        opened = await connect(nats_url, name="test")
        kept = await timeline(opened, "billing")
        await opened.close()
        return kept

    asyncio.run(made())
    with stratoscope.connect_sync(nats_url) as strato:
        graph = record(graphs.with_subgraph(InMemorySaver()), strato, agent="billing")
        graph.invoke({"n": 0}, config_of("a"))
        list(graph.stream(None, config_of("a")))
    assert_is_history(asyncio.run(read()), graph, config_of("a"))


async def test_the_causes_in_the_log_stand_before_their_effects(
    connection: Connection, nats_url: str
) -> None:
    async with stratoscope.connect(nats_url) as strato:
        graph = record(graphs.asking(InMemorySaver()), strato)
        for given in ({"n": 0}, Command(resume="yes"), Command(resume="no")):
            await graph.ainvoke(given, config_of("a"))
    kept = events(await timeline(connection, "a"))
    seen: set[Any] = set()
    for event in kept:
        assert set(event.causes) <= seen
        seen.add(event.id)
    assert [event.type for event in kept if not event.causes] == ["message_received"]


async def test_the_demo_agent_is_recorded_to_its_bitter_end(
    connection: Connection, nats_url: str, tmp_path: Path
) -> None:
    async with stratoscope.connect(nats_url) as strato:
        graph = record(build(tmp_path), strato)
        rejected = await arun(graph)
    assert isinstance(rejected, InvoiceRejected)
    kept = await timeline(connection, THREAD)
    assert_is_history(kept, graph, config_of(THREAD))
    assert len(events(kept)) == 24
    (failed,) = events(kept, "error_occurred")
    assert failed.data["error"]["message"] == str(rejected)
    by_id = {event.id: event for event in events(kept)}
    chain = [failed]
    while chain[-1].causes:
        chain.append(by_id[chain[-1].causes[0]])
    assert "store_usage" in [event.data.get("name") for event in chain]
    assert chain[-1].type == "message_received"


def test_the_demo_agent_says_the_same_unrecorded(tmp_path: Path) -> None:
    rejected = run(build(tmp_path))
    assert "125,194.12 EUR for the meter south" in str(rejected)
    assert json.loads((tmp_path / "usage.json").read_text())["south"] == {"kwh": 403852.0}
    assert not list(tmp_path.glob("invoice-*"))


async def test_a_state_too_large_for_a_record_leaves_its_place_and_the_run_goes_on(
    connection: Connection, nats_url: str
) -> None:
    async with stratoscope.connect(nats_url, compression="never") as strato:
        graph = record(graphs.counting(InMemorySaver()), strato)
        large = ["x" * (9 * 1024 * 1024)]
        assert (await graph.ainvoke({"n": 2, "log": large}, config_of("a")))["n"] == 3
    kept = events(await timeline(connection, "a"))
    types = [event.type for event in kept if event.type != "langgraph.refused"]
    assert types == [
        "message_received",
        "action_execution",
        "state_change",
        "action_execution",
        "state_change",
        "message_sent",
    ]
    assert "refused" in kept[0].data
    assert events(kept, "langgraph.refused")


async def test_a_broker_that_is_away_stops_no_run(nats_url: str) -> None:
    nowhere = "nats://127.0.0.1:9"
    async with stratoscope.connect(nowhere, close_timeout=0) as strato:
        graph = record(graphs.counting(InMemorySaver()), strato)
        assert (await graph.ainvoke({"n": 2}, config_of("a")))["n"] == 3
        assert strato.stats.buffered > 0
