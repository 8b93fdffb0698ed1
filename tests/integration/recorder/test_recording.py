"""What is recorded stands in the log: all of it, in order, in batches, as it was at the call."""

from __future__ import annotations

import asyncio
import os

import pytest

import stratoscope
from stratoscope.broker.connection import Connection
from stratoscope.broker.streams import StreamSettings, definitions
from stratoscope_contracts.subjects import Stored, partition_of
from stratoscope_contracts.words import MIB, STREAM_RECORD
from support.eventually import eventually
from support.log import Log

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_records_of_an_agent_go_out_as_one_batch_in_their_order(
    nats_url: str, log: Log
) -> None:
    """Events and snapshots mixed, without a message id that another space could use first."""
    async with stratoscope.connect(nats_url, space="lab") as strato:
        agent = strato.agent("explorer-7")
        first = await agent.event("message_received", {"text": "go"})
        with agent.causing(first):
            second = await agent.event("decision_made", {"to": "north"}, metadata={"phase": "x"})
        third = await agent.snapshot({"at": [0, 1]}, label="start", memory_usage=7)
        await agent.flush()
        assert strato.stats == stratoscope.Stats(recorded=3, acknowledged=3)
    [message] = await log.messages()
    number = partition_of("lab", "explorer-7")
    assert message.subject == Stored("lab", number, "explorer-7", "batch")
    assert message.headers == {}
    for record in message.records:
        record.pop("occurred_at")
    assert message.records == [
        {"kind": "event", "id": first, "type": "message_received", "data": {"text": "go"}},
        {
            "kind": "event",
            "id": second,
            "type": "decision_made",
            "data": {"to": "north"},
            "metadata": {"phase": "x"},
            "causes": [first],
        },
        {
            "kind": "snapshot",
            "id": third,
            "label": "start",
            "memory_usage": 7,
            "state": {"at": [0, 1]},
        },
    ]


async def test_a_record_alone_goes_as_itself(nats_url: str, log: Log) -> None:
    """A batch of one would only be longer."""
    async with stratoscope.connect(nats_url) as strato:
        await strato.agent("a").event("x")
        await strato.flush()
        await strato.agent("a").snapshot({})
    assert [message.subject.kind for message in await log.messages()] == ["event", "snapshot"]


async def test_a_flush_gives_the_sequence_that_its_records_reached(nats_url: str, log: Log) -> None:
    """Of the agent, or the highest of all; None until something was sent."""
    async with stratoscope.connect(nats_url) as strato:
        one, other = strato.agent("one"), strato.agent("other")
        assert (await one.flush(), await strato.flush()) == (None, None)
        await one.event("x")
        await one.event("x")
        assert await one.flush() == 1
        await other.event("x")
        assert await other.flush() == 2
        assert (await one.flush(), await strato.flush()) == (1, 2)
        assert strato.stats == stratoscope.Stats(recorded=3, acknowledged=3)
    assert [message.subject.agent for message in await log.messages()] == ["one", "other"]


async def test_a_record_that_is_known_moves_the_sequence(nats_url: str, log: Log) -> None:
    """The broker stores it again; intake knows the id, and a reader waits for that message."""
    known = "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"
    async with stratoscope.connect(nats_url) as strato:
        agent = strato.agent("a")
        for id in (known, None, known):
            await agent.event("x", id=id) if id else await agent.event("x")
            last = await agent.flush()
    assert last == 3
    assert len(await log.once()) == 2


async def test_a_message_id_that_another_space_used_first_swallows_no_record(
    connection: Connection, nats_url: str, log: Log
) -> None:
    """Deduplication is stream-wide: an agent of any space can use any id."""
    known = "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"
    guesses = (f"lab.explorer-7.{known}", known, f"explorer-7.{known}")
    for guess in guesses:
        await connection.jetstream.publish(
            "strato.other.rec.stranger.event", b'{"type":"x"}', headers={"Nats-Msg-Id": guess}
        )
    async with stratoscope.connect(nats_url, space="lab") as strato:
        await strato.agent("explorer-7").event("x", id=known)
        await strato.flush()
        assert strato.stats.acknowledged == 1
    assert [record["id"] for record in await log.records("explorer-7")] == [known]


async def test_a_batch_goes_out_by_age_without_a_flush(nats_url: str, log: Log) -> None:
    """Whoever watches a live agent does not wait for its end."""
    async with stratoscope.connect(nats_url, batch_age=0.01) as strato:
        await strato.agent("a").event("x")
        await eventually(lambda: is_empty(strato))
        assert len(await log.messages()) == 1


async def is_empty(strato: stratoscope.Recorder) -> bool:
    return strato.stats.buffered == 0


async def test_batches_are_cut_by_count_and_by_bytes(nats_url: str, log: Log) -> None:
    """And none is over its limit."""
    async with stratoscope.connect(nats_url, batch_records=10, batch_age=5) as strato:
        for n in range(25):
            await strato.agent("count").event("x", {"n": n})
    async with stratoscope.connect(nats_url, batch_bytes=10_000, batch_age=5) as strato:
        for n in range(25):
            await strato.agent("bytes").event("x", {"n": n, "fill": "y" * 3_000})
    sizes: dict[str, list[int]] = {"count": [], "bytes": []}
    for message in await log.messages():
        sizes[message.subject.agent].append(len(message.records))
    assert sizes["count"] == [10, 10, 5]
    assert max(sizes["bytes"]) == 3
    assert [record["data"]["n"] for record in await log.records("bytes")] == list(range(25))


async def test_agents_go_side_by_side_each_in_its_order(nats_url: str, log: Log) -> None:
    """Many agents in tasks of their own, all through one recorder."""

    async def live(agent: stratoscope.Agent) -> list[str]:
        ids = []
        for n in range(40):
            ids.append(await agent.event("x", {"n": n}))
            await asyncio.sleep(0)
        return ids

    async with stratoscope.connect(nats_url, batch_records=7, in_flight=4) as strato:
        agents = [strato.agent(f"agent-{n}") for n in range(30)]
        ids = await asyncio.gather(*map(live, agents))
    for agent, recorded in zip(agents, ids, strict=True):
        assert [record["id"] for record in await log.records(agent.name)] == recorded


async def test_what_is_changed_after_the_call_is_not_sent(nats_url: str, log: Log) -> None:
    """A state is spelled while the agent waits."""
    state = {"inventory": ["rope"]}
    async with stratoscope.connect(nats_url) as strato:
        await strato.agent("a").snapshot(state)
        state["inventory"].append("lamp")
    assert (await log.records())[0]["state"] == {"inventory": ["rope"]}


async def test_secrets_never_reach_the_broker(nats_url: str, log: Log) -> None:
    """From states, data and patches."""
    async with stratoscope.connect(nats_url, redact=["keys.*", "password"]) as strato:
        agent = strato.agent("a")
        await agent.snapshot({"keys": {"openai": "s3cret"}})
        await agent.event("x", {"password": "s3cret"}, metadata={"password": "s3cret"})
        await agent.event("x", patch=[{"op": "add", "path": "/keys/other", "value": "s3cret"}])
    assert "s3cret" not in str(await log.records())
    assert str(await log.records()).count("[redacted]") == 4


async def test_a_trace_context_is_kept_in_the_header(nats_url: str, log: Log) -> None:
    """Of those records that have it; the others do not share their message."""
    async with stratoscope.connect(nats_url) as strato:
        agent = strato.agent("a")
        await agent.event("x", traceparent=TRACE)
        await agent.event("x", traceparent=TRACE)
        await agent.event("x")
    messages = await log.messages()
    assert [message.headers.get("traceparent") for message in messages] == [TRACE, None]
    assert [len(message.records) for message in messages] == [2, 1]


async def test_a_large_state_is_packed_and_goes_in_its_place(nats_url: str, log: Log) -> None:
    """Between the records before and after it."""
    async with stratoscope.connect(nats_url) as strato:
        agent = strato.agent("a")
        await agent.event("before")
        await agent.snapshot({"text": "x" * (9 * MIB)})
        await agent.event("after")
    before, large, after = await log.messages()
    assert large.headers["Content-Encoding"] == "zstd"
    assert len(large.body["state"]["text"]) == 9 * MIB
    assert [before.body["type"], after.body["type"]] == ["before", "after"]


async def test_whatever_is_worth_it_is_packed_where_that_is_asked_for(
    nats_url: str, log: Log
) -> None:
    """Batches too; a short message stays as it is."""
    async with stratoscope.connect(nats_url, compression="always") as strato:
        for n in range(100):
            await strato.agent("long").event("x", {"n": n})
        await strato.agent("short").event("x")
    packed = {m.subject.agent: "Content-Encoding" in m.headers for m in await log.messages()}
    assert packed == {"long": True, "short": False}
    assert len(await log.records("long")) == 100


async def test_states_that_can_not_be_packed_go_out_up_to_the_limit(
    nats_url: str, log: Log
) -> None:
    """Nearly 8 MiB of noise: the connection lives on."""
    async with stratoscope.connect(nats_url, compression="never") as strato:
        noise = os.urandom(4 * MIB - 2048).hex()
        await strato.agent("a").snapshot({"noise": noise})
        await strato.agent("a").event("after")
        await strato.flush(timeout=20)
        assert strato.stats.acknowledged == 2
        assert strato.is_connected


async def test_an_id_used_again_does_not_take_the_rest_of_its_batch_with_it(
    nats_url: str, log: Log
) -> None:
    """The message is stored whole; intake leaves out the record that it knows."""
    known = "01a207de-54d9-7de8-8e66-58933a695c35"
    async with stratoscope.connect(nats_url) as strato:
        agent = strato.agent("a")
        await agent.event("x", {"n": 0}, id=known)
        await agent.flush()
        await agent.event("x", {"n": 0}, id=known)
        await agent.event("x", {"n": 1})
        await agent.event("x", {"n": 2})
    assert [record["data"]["n"] for record in await log.once()] == [0, 1, 2]


async def test_a_stream_that_takes_less_gets_smaller_messages(
    nats_url: str, connection: Connection, log: Log
) -> None:
    """And the one record that it will never take is given up, counted and told by flush."""
    small = definitions(StreamSettings())[0].evolve(max_msg_size=2_000)
    await connection.jetstream.delete_stream(STREAM_RECORD)
    await connection.jetstream.add_stream(small)
    async with stratoscope.connect(nats_url) as strato:
        agent = strato.agent("a")
        for n in range(50):
            await agent.event("x", {"n": n, "fill": "y" * 100})
        await agent.event("x", {"n": -1, "fill": "y" * 3_000})
        await agent.event("x", {"n": 50})
        with pytest.raises(stratoscope.RecordsRefused, match="never take 1 of"):
            await agent.flush()
        await agent.flush()
        assert strato.stats.refused == 1
    *kept, told = await log.records()
    assert [record["data"]["n"] for record in kept] == list(range(51))
    assert (told["type"], told["gap"]["records"]) == ("records_dropped", 1)


async def test_a_recorder_is_used_between_its_entry_and_its_end(nats_url: str, log: Log) -> None:
    """And says so elsewhere."""
    strato = stratoscope.connect(nats_url)
    agent = strato.agent("a")
    with pytest.raises(stratoscope.RecorderClosed, match="async with"):
        await agent.event("x")
    async with strato:
        await agent.event("x")
    with pytest.raises(stratoscope.RecorderClosed, match="closed"):
        await agent.event("x")
    with pytest.raises(stratoscope.RecorderClosed):
        await strato.__aenter__()
    assert len(await log.records()) == 1


async def test_leaving_the_context_for_an_error_flushes_too(nats_url: str, log: Log) -> None:
    """The last records before a crash are the ones that matter."""

    async def live() -> None:
        async with stratoscope.connect(nats_url, batch_age=60) as strato:
            await strato.agent("a").event("error_occurred")
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await live()
    assert len(await log.records()) == 1
