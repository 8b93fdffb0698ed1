"""Replays: every event once and in order, in time, and no longer than somebody wants them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.objects import BucketLimits
from stratoscope.client import Navigator, Unreachable, UnreadableReply
from stratoscope.domain.shares import ShareLimits
from stratoscope.navigator import outlet, replaying
from stratoscope.navigator.answering import Answering
from stratoscope.navigator.discovery import Discovery
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.objects import Objects
from stratoscope.navigator.replaying import Replays
from stratoscope.navigator.reply_guard import SINGLE_LOGIN, ReplyGuard
from stratoscope.navigator.service import answering
from stratoscope.navigator.shares import Admission, Share
from stratoscope.navigator.spill import ObjectSpills
from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    NavigationOutOfBounds,
    NotProjectedYet,
    OverBudget,
    ReplayFailed,
)
from stratoscope_contracts.looking import ReplayRequest
from stratoscope_contracts.views import AtEventIndex, AtTime
from stratoscope_contracts.words import HEADER_REPLAY_END
from support.eventually import eventually
from support.recorded import after, event

SUBJECT = "strato.default.nav.replay"


class Served:
    """A navigator in this process."""

    def __init__(self, connection: Connection, replays: Replays, metrics: Metrics) -> None:
        self.connection = connection
        self.replays = replays
        self.metrics = metrics

    async def is_idle(self) -> bool:
        return not self.replays._running


@asynccontextmanager
async def navigating(url: str, ask, limit: int | None = None) -> AsyncIterator[Served]:
    connection = await connect(url, name="test")
    metrics = Metrics(["replay"])
    spills = ObjectSpills(connection, BucketLimits(3600, 64 << 20))
    limit = limit or connection.message_limit
    guard = ReplyGuard(SINGLE_LOGIN, metrics.refused)
    replays = Replays(connection.client, ask.dispatch, spills, metrics, limit, guard)
    objects = Objects(connection, BucketLimits(3600), 64 << 20)
    serving = replace(ask.dispatch, objects=objects)
    answers = Answering(serving, spills, metrics, connection.message_limit)
    discovery = Discovery("id", datetime.now(UTC), metrics.tallies)
    try:
        async with (
            replaying.replaying(replays),
            answering(connection, answers, replays, discovery, guard, Admission()),
        ):
            # What was subscribed is on its way; the server has it once it answers this.
            await connection.client.flush()
            yield Served(connection, replays, metrics)
    finally:
        await connection.close()


@pytest.fixture
async def served(nats_url, ask) -> AsyncIterator[Served]:
    async with navigating(nats_url, ask) as found:
        yield found


@pytest.fixture
async def nav(nats_url) -> AsyncIterator[Navigator]:
    async with Navigator.connect(nats_url, timeout=2) as found:
        yield found


@pytest.fixture
async def many(recorded) -> None:
    """Three thousand events, a millisecond apart."""
    for start in range(0, 3000, 500):
        await recorded.add("walker", *(event(at=n / 1000) for n in range(start, start + 500)))


async def replayed(nav, **body) -> list[int]:
    request = ReplayRequest(agent="walker", **body)
    return [event.event_index async for event in nav.replay(request)]


async def test_every_event_comes_once_and_in_order(nav, served, many):
    assert await replayed(nav) == list(range(3000))
    assert served.metrics.tallies["replay"].requests == 1


async def test_a_stretch_and_a_count_narrow_it(nav, served, many):
    start, end = AtEventIndex(event_index=10), AtTime(time=after(0.02))
    assert await replayed(nav, from_=start) == list(range(11, 3000))
    assert await replayed(nav, from_=start, to=end) == list(range(11, 21))
    assert await replayed(nav, from_=start, count=3) == [11, 12, 13]
    assert await replayed(nav, from_=end, to=start) == []


async def test_the_last_message_says_so(nav, served, nats_url, many):
    client = served.connection.client
    inbox = client.new_inbox()
    arrived: asyncio.Queue = asyncio.Queue()
    subscription = await client.subscribe(inbox, cb=arrived.put)
    await client.publish(SUBJECT, b'{"agent":"walker","count":300}', reply=inbox)
    messages = [await asyncio.wait_for(arrived.get(), 5) for _ in range(301)]
    assert json.loads(messages[-1].data) == {"replayed": 300}
    assert HEADER_REPLAY_END in messages[-1].headers
    assert [json.loads(one.data)["event_index"] for one in messages[:-1]] == list(range(300))
    assert not any(one.headers for one in messages[:-1])
    await subscription.unsubscribe()


async def test_an_event_is_the_one_that_events_get_gives(nav, served, ask, recorded):
    await recorded.add("walker", event(data={"x": 1}, causes=[], metadata={"m": [1.0]}))
    (found,) = [one async for one in nav.replay(ReplayRequest(agent="walker"))]
    alone = await ask("events.get", id=str(found.id))
    assert json.loads(found.model_dump_json(exclude_unset=True)) == alone["event"]


async def test_what_can_not_be_replayed_is_refused(nav, served, recorded, many):
    with pytest.raises(AgentNotFound):
        [one async for one in nav.replay(ReplayRequest(agent="nobody"))]
    with pytest.raises(NavigationOutOfBounds):
        await replayed(nav, to=AtEventIndex(event_index=3000))
    with pytest.raises(NotProjectedYet):
        await replayed(nav, wait_for=recorded.last_seq + 1, wait_ms=10)
    assert len(await replayed(nav, wait_for=recorded.last_seq, count=1)) == 1
    reply = await served.connection.client.request(SUBJECT, b'{"agent":"walker","speed":0}')
    assert reply.headers["Nats-Service-Error-Code"] == "400"
    reply = await served.connection.client.request("strato.NO.nav.replay", b'{"agent":"walker"}')
    assert json.loads(reply.data)["code"] == BadRequest.code


async def test_without_a_navigator_it_is_told(nav):
    with pytest.raises(Unreachable):
        await replayed(nav)


async def test_speed_is_a_factor_on_the_recorded_pace(nav, served, recorded, monkeypatch):
    """By a clock that goes on by nothing but the waiting."""
    now, waited = [0.0], []

    async def until(due, stopped):
        waited.append(due)
        now[0] = max(now[0], due)

    monkeypatch.setattr(replaying, "monotonic", lambda: now[0])
    monkeypatch.setattr(replaying, "_until", until)
    await recorded.add("walker", *(event(at=n) for n in (0, 1, 2, 2, 1.5, 4)))
    assert len(await replayed(nav, speed=10.0)) == 6
    assert waited == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.4])
    now[0] = 0.0
    await replayed(nav, speed=100.0)
    assert waited[5:] == pytest.approx([0.01, 0.02, 0.02, 0.02, 0.04])


async def test_no_event_comes_before_its_time(nav, served, recorded):
    await recorded.add("walker", *(event(at=n) for n in (0, 1, 2, 2, 1.5, 4)))
    started, arrived = time.monotonic(), []
    async for _ in nav.replay(ReplayRequest(agent="walker", speed=20.0)):
        arrived.append(time.monotonic() - started)
    # How late it may be is the machine's business.
    due = [0, 0.05, 0.1, 0.1, 0.1, 0.2]
    assert [at >= when for at, when in zip(arrived, due, strict=True)] == [True] * 6


async def test_a_slow_reader_loses_nothing_and_is_not_run_ahead_of(nav, served, many):
    found = []
    async for one in nav.replay(ReplayRequest(agent="walker")):
        found.append(one.event_index)
        if len(found) == 1:
            await asyncio.sleep(0.3)
            (play,) = served.replays._running.values()
            assert play.replayed <= 3 * 256
    assert found == list(range(3000))


async def test_a_reader_that_promised_to_answer_and_does_not_is_given_up(served, many, monkeypatch):
    monkeypatch.setattr(outlet, "PATIENCE_SECONDS", 0.05)
    client = served.connection.client
    arrived: asyncio.Queue = asyncio.Queue()
    inbox = client.new_inbox()
    await client.subscribe(inbox, cb=arrived.put)
    headers = {"Strato-Flow": "answered"}
    await client.publish(SUBJECT, b'{"agent":"walker"}', reply=inbox, headers=headers)
    await arrived.get()
    await eventually(served.is_idle)
    assert arrived.qsize() < 3 * 256


async def test_whoever_leaves_stops_the_replay(nav, served, recorded):
    await recorded.add("walker", *(event(at=n) for n in range(100)))
    async with aclosing(nav.replay(ReplayRequest(agent="walker", speed=1.0))) as events:
        assert (await anext(events)).event_index == 0
    await eventually(served.is_idle)


async def test_a_request_is_stopped_by_its_id_and_ends_as_usual(served, recorded):
    await recorded.add("walker", *(event(at=n) for n in range(100)))
    client = served.connection.client
    arrived: asyncio.Queue = asyncio.Queue()
    inbox = client.new_inbox()
    await client.subscribe(inbox, cb=arrived.put)
    headers = {"Strato-Request": "mine"}
    await client.publish(SUBJECT, b'{"agent":"walker","speed":1}', reply=inbox, headers=headers)
    await arrived.get()
    await client.publish("strato.default.nav.cancel.another")
    await client.publish("strato.other.nav.cancel.mine")
    await client.publish("strato.default.nav.cancel.mine")
    last = await asyncio.wait_for(arrived.get(), 10)
    assert HEADER_REPLAY_END in last.headers
    assert json.loads(last.data) == {"replayed": 1}
    # One that was stopped before it began does not begin.
    await client.publish(SUBJECT, b'{"agent":"walker"}', reply=inbox, headers=headers)
    last = await asyncio.wait_for(arrived.get(), 10)
    assert json.loads(last.data) == {"replayed": 0}


async def test_where_nobody_listens_any_more_it_ends(served, recorded):
    await recorded.add("walker", *(event(at=n) for n in range(100)))
    client = served.connection.client
    inbox = client.new_inbox()
    arrived: asyncio.Queue = asyncio.Queue()
    subscription = await client.subscribe(inbox, cb=arrived.put)
    await client.publish(SUBJECT, b'{"agent":"walker","speed":1}', reply=inbox)
    await arrived.get()
    await subscription.unsubscribe()
    # It would last a hundred seconds: it ends at the first question, after one.
    await eventually(served.is_idle)


async def test_a_navigator_that_ends_says_how_far_it_came(nats_url, nav, ask, recorded):
    await recorded.add("walker", *(event(at=n) for n in range(100)))
    async with navigating(nats_url, ask) as served:
        events = nav.replay(ReplayRequest(agent="walker", speed=1.0))
        await anext(events)
        closing = asyncio.create_task(served.replays.close())
        with pytest.raises(ReplayFailed) as refused:
            await anext(events)
        await closing
    assert refused.value.details == {"replayed": 1, "event_index": 0}


async def test_there_are_only_so_many_at_a_time(nav, ask, served, recorded):
    ask.dispatch.shares.replays = Share("replays", ShareLimits(3))
    await recorded.add("walker", *(event(at=n) for n in range(100)))
    running = [nav.replay(ReplayRequest(agent="walker", speed=1.0)) for _ in range(2)]
    for one in running:
        await anext(one)
    with pytest.raises(OverBudget) as refused:
        await replayed(nav)
    assert refused.value.details["limit"] == "replays"
    for one in running:
        await one.aclose()
    await eventually(served.is_idle)
    assert len(await replayed(nav)) == 100


async def test_an_event_too_large_for_a_message_is_spilled(nats_url, nav, ask, recorded):
    await recorded.add("walker", event(), event(data={"x": "x" * 50_000}), event())
    async with navigating(nats_url, ask, limit=40_000):
        found = [one async for one in nav.replay(ReplayRequest(agent="walker"))]
    assert [len(one.data.get("x", "")) for one in found] == [0, 50_000, 0]


async def test_an_event_that_got_lost_is_noticed(nats_url, nav):
    async with connected(nats_url) as connection:

        async def forgetful(asked):
            for index in (0, 2):
                body = {"event_index": index} | _EVENT
                await connection.client.publish(asked.reply, json.dumps(body).encode())

        await connection.client.subscribe(SUBJECT, cb=forgetful)
        await connection.client.flush()
        with pytest.raises(UnreadableReply) as refused:
            await replayed(nav)
        assert refused.value.details == {"event_index": 0}


async def test_no_session_is_held_between_pages(nav, served, recorded):
    await recorded.add("walker", *(event(at=n) for n in range(100)))
    running = [nav.replay(ReplayRequest(agent="walker", speed=1.0)) for _ in range(12)]
    for one in running:
        await anext(one)
    assert recorded.pool.get_idle_size() == recorded.pool.get_size()
    for one in running:
        await one.aclose()


_EVENT = {
    "id": "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e",
    "type": "memory_update",
    "occurred_at": "2026-11-23T08:00:00Z",
    "agent": "walker",
    "stream_seq": 1,
    "ordinal": 0,
    "recorded_at": "2026-11-23T08:00:00Z",
    "depth": 1,
}


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    connection = await connect(url, name="test")
    try:
        yield connection
    finally:
        await connection.close()
