"""What one agent sends in plenty, or what takes long, holds up no other partition."""

import asyncio
import json
import signal
import time
from collections import Counter
from typing import Any

import pytest
import zstandard

from stratoscope_contracts.subjects import partition_of
from support.documents import patches, state_of
from support.eventually import eventually
from support.projecting import ARMED, Projecting

ZSTD = {"Content-Encoding": "zstd"}
LIGHT = "explorer"
PROBES = 3


def agent_beside(*others: str) -> str:
    """An agent of the default space in a partition of its own."""
    taken = {partition_of("other", LIGHT), *(partition_of("default", one) for one in others)}
    names = (f"busy-{number}" for number in range(1000))
    return next(one for one in names if partition_of("default", one) not in taken)


async def reached(projectors: Projecting, space: str, agent: str) -> int:
    """Up to where an agent's partition is projected."""
    return (await projectors.checkpoints())[partition_of(space, agent)]


async def probe(publish: Any, projectors: Projecting) -> float:
    """Record an event of another space; the seconds until it is projected."""
    began = time.monotonic()
    seq = await publish(LIGHT, "event", {"type": "after"}, space="other")

    async def is_there() -> bool:
        return await reached(projectors, "other", LIGHT) >= seq

    await eventually(is_there, within=60)
    return time.monotonic() - began


async def assert_spared(
    publish: Any, projectors: Projecting, busy: str, last: int, within: float
) -> None:
    """Events of another space are projected while the busy partition is not through."""
    waited = []
    for _ in range(PROBES):
        waited.append(await probe(publish, projectors))
        print(f"projected after {waited[-1]:.2f} s")
        assert await reached(projectors, "default", busy) < last
    assert max(waited) < within


async def flood(publish: Any, agent: str, messages: int, records: int) -> int:
    """Record events as fast as the broker takes them; the last one's place."""
    body = json.dumps({"records": [{"kind": "event", "type": "flood"}] * records}).encode()
    for number in range(messages):
        await publish.client.publish(f"strato.default.rec.{agent}.batch", body)
        if number % 100 == 0:
            await publish.client.flush()
    return int(await publish(agent, "event", {"type": "last"}))


async def assert_events(projectors: Projecting, count: int) -> None:
    """There are so many events, and each agent's are in the order of the log."""
    rows = await projectors.fetch("select agent_id, event_index, stream_seq, ordinal from event")
    assert len(rows) == count
    events: Counter[int] = Counter()
    for row in sorted(map(tuple, rows), key=lambda row: row[2:]):
        assert row[1] == events[row[0]]
        events[row[0]] += 1


async def test_patches_of_a_large_state_hold_up_no_other_partition(publish, projectors, running):
    busy = agent_beside()
    first = await publish(busy, "snapshot", zstandard.compress(state_of(4)), ZSTD)
    await eventually(lambda: projectors.passed(first), within=30)
    last = await publish(busy, "batch", zstandard.compress(patches(40)), ZSTD)
    await assert_spared(publish, projectors, busy, last, within=5)
    await eventually(lambda: projectors.passed(last), within=60)
    (found,) = await projectors.fetch("select count(*) from event where patch is not null")
    assert found["count"] == 40


async def test_large_documents_hold_up_no_other_partition(publish, projectors, running):
    busy = agent_beside()
    body = zstandard.compress(b'{"state":{"a":[%b0]}}' % (b'{"a":1},' * 499_000), 6)
    for _ in range(6):
        last = await publish(busy, "snapshot", body, ZSTD)
    await assert_spared(publish, projectors, busy, last, within=8)
    await eventually(lambda: projectors.passed(last), within=60)
    (found,) = await projectors.fetch("select count(*) from state_version")
    assert found["count"] == 6


async def test_a_flood_of_one_agent_holds_up_no_other_partition(publish, projectors, running):
    busy = agent_beside()
    last = await flood(publish, busy, messages=600, records=200)
    await assert_spared(publish, projectors, busy, last, within=5)
    await eventually(lambda: projectors.passed(last), within=120)
    await assert_events(projectors, 600 * 200 + 1 + PROBES)


async def test_agents_that_flood_take_turns_and_lose_nothing(publish, projectors, running):
    busy = [agent_beside()]
    busy.append(agent_beside(*busy))
    busy.append(agent_beside(*busy))
    places = await asyncio.gather(*(flood(publish, one, messages=150, records=200) for one in busy))
    for agent, last in zip(busy, places, strict=True):
        print(agent, last)
    waited = await probe(publish, projectors)
    print(f"projected after {waited:.2f} s")
    behind = [await reached(projectors, "default", one) < max(places) for one in busy]
    assert any(behind)
    await eventually(lambda: projectors.passed(max(places)), within=120)
    (found,) = await projectors.fetch("select count(*) from event")
    assert found["count"] == 3 * (150 * 200 + 1) + 1

    async def is_given_back() -> bool:
        metrics = (await running.get("/metrics"))[1]
        return "strato_projector_partitions_apart 0.0" in metrics

    await eventually(is_given_back, within=20)


@pytest.mark.parametrize("point", ["before_copy", "after_copy", "after_commit"])
async def test_a_projector_killed_with_two_lanes_loses_nothing_and_takes_nothing_twice(
    publish, projectors, point: str
):
    """The lanes' checkpoints are apart then; the next projector begins at each."""
    await (await projectors.start()).stop()
    busy, deaths = agent_beside(), (2, 3, 4)
    await flood(publish, busy, messages=300, records=200)
    for death in deaths:
        await publish(LIGHT, "event", {"type": "before"}, space="other")
        armed = await projectors.start((ARMED, point, str(death)), ready=False)
        assert await asyncio.wait_for(armed.process.wait(), 60) == -signal.SIGKILL
    checkpoints = set((await projectors.checkpoints()).values())
    last = await publish(busy, "event", {"type": "last"})
    await projectors.start()
    await eventually(lambda: projectors.passed(last), within=120)
    await assert_events(projectors, 300 * 200 + 2 + len(deaths))
    assert len(checkpoints) > 1
