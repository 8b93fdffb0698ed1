"""Waiting for the projection: which partitions, how long, and what wakes it."""

import asyncio

import pytest

from stratoscope_contracts.errors import BadRequest, NotProjectedYet
from stratoscope_contracts.subjects import partition_of
from support.recorded import event


@pytest.fixture
async def ahead(recorded):
    """`walker`'s partition is projected up to 10, all others up to 2."""
    await recorded.add("walker", event())
    await recorded.add("runner", event())
    await recorded.set_watermark(partition_of("default", "walker"), 10)
    assert partition_of("default", "walker") != partition_of("default", "runner")


LATEST = {"latest": True}


async def test_only_the_partitions_that_are_read_are_waited_for(ask, ahead):
    session = (await ask("session.create", agent="walker", wait_for=10, wait_ms=1000))["session"]
    walker = {"agent": "walker", "wait_for": 10, "wait_ms": 0}
    by_id = {"id": session["id"], "wait_for": 10, "wait_ms": 1000}
    await ask("state.at", at=LATEST, **walker)
    await ask("events.list", **walker)
    await ask("compare", from_=LATEST, to=LATEST, to_agent="walker", **walker)
    await ask("session.get", **by_id)
    for verb, body in (
        ("state.at", {"agent": "runner", "at": LATEST}),
        ("compare", {"agent": "walker", "from_": LATEST, "to": LATEST, "to_agent": "runner"}),
        ("agents.list", {}),
        ("stats", {}),
        ("events.get", {"id": session["id"]}),
    ):
        with pytest.raises(NotProjectedYet) as refused:
            await ask(verb, wait_for=10, wait_ms=50, **body)
        assert refused.value.details == {"reached": 2, "wanted": 10}


async def test_a_wait_of_no_time_still_looks(ask, ahead):
    await ask("state.at", agent="walker", at=LATEST, wait_for=10, wait_ms=0)
    with pytest.raises(NotProjectedYet):
        await ask("state.at", agent="walker", at=LATEST, wait_for=11, wait_ms=0)


async def test_what_is_committed_meanwhile_is_seen(ask, recorded, ahead):
    waiting = asyncio.create_task(ask("events.list", agent="runner", wait_for=3, wait_ms=5000))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    recorded.last_seq = 10
    await recorded.set_watermark(partition_of("default", "runner"), 10)
    assert len((await waiting)["events"]) == 1


async def test_news_wakes_at_once(ask, ahead):
    waiting = asyncio.create_task(ask("events.list", agent="runner", wait_for=3, wait_ms=5000))
    await asyncio.sleep(0.05)
    ask.waiting.heard([partition_of("default", "runner")], 3)
    async with asyncio.timeout(0.5):
        await waiting


async def test_many_wait_at_once(ask, recorded, ahead):
    tasks = [asyncio.create_task(ask("agents.list", wait_for=50, wait_ms=5000)) for _ in range(100)]
    await asyncio.sleep(0.05)
    ask.waiting.heard(range(16), 50)
    replies = await asyncio.gather(*tasks)
    assert all(len(reply["agents"]) == 2 for reply in replies)


@pytest.mark.parametrize("body", [{"wait_for": -1}, {"wait_for": 1, "wait_ms": 30_001}])
async def test_what_cannot_be_waited_for(ask, body):
    with pytest.raises(BadRequest):
        await ask("agents.list", **body)
