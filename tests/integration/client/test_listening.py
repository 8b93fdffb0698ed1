"""What happens now, over a real broker: how far each look goes, and what ends listening."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import nats
import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope.broker.connection import connect
from stratoscope.broker.feed import PROJECTED
from stratoscope.client import Navigator, Unreachable
from stratoscope.client.listening import hits
from stratoscope_contracts.errors import AgentNotFound, BadRequest, OverBudget, StratoError
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.views import Event
from support.eventually import eventually

BODY = EventsListRequest(agent="a", where="event.data.is_picked")


def event(index: int) -> dict[str, Any]:
    return {
        "id": str(UUID(int=index)),
        "type": "x",
        "occurred_at": "2026-11-23T08:00:00Z",
        "recorded_at": "2026-11-23T08:00:00Z",
        "agent": "a",
        "event_index": index,
        "stream_seq": index + 1,
        "ordinal": 0,
        "depth": 1,
    }


@dataclass
class Timeline:
    """An agent's events on the wire: some are picked, some can't be judged."""

    client: Client
    events: int = 0
    picked: set[int] = field(default_factory=set)
    stopping: set[int] = field(default_factory=set)
    is_busy: bool = False
    looks: int = 0
    walked: list[tuple[int, int]] = field(default_factory=list)

    async def answer(self, message: Msg) -> None:
        """As a navigator answers `events.list`."""
        asked = orjson.loads(message.data)
        try:
            reply = self._page(asked)
        except StratoError as error:
            body = error.to_body().model_dump_json().encode()
            await self.client.publish(message.reply, body, headers=error.to_headers())
        else:
            await message.respond(orjson.dumps(reply))

    async def add(self, *, is_picked: bool = False, is_stopping: bool = False) -> None:
        """One more event, and word of it; returns once it was looked at."""
        index, self.events = self.events, self.events + 1
        self.picked |= {index} if is_picked else set()
        self.stopping |= {index} if is_stopping else set()
        await self.client.publish(PROJECTED, b"{}")
        await eventually(self._is_seen, within=5)

    async def _is_seen(self) -> bool:
        return any(to == self.events - 1 for _, to in self.walked)

    def _page(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("direction") == "backward":
            self.looks += 1
            if not self.events:
                raise AgentNotFound("nothing yet")
            return {"events": [event(self.events - 1)]}
        after = (asked["from"] or {"event_index": -1})["event_index"]
        to = asked["to"]["event_index"]
        self.walked.append((after, to))
        if self.is_busy:
            raise OverBudget("others search", {"at_a_time": 2})
        left = range(int(asked.get("cursor", after)) + 1, to + 1)
        stopped_at = next((index for index in left if index in self.stopping), None)
        found = [
            event(index) for index in left[: _before(left, stopped_at)] if index in self.picked
        ]
        if stopped_at is None:
            return {"events": found}
        if not found:
            raise OverBudget("it takes too long there", {"stopped_at": stopped_at})
        return {"events": found, "cursor": str(stopped_at - 1)}


def _before(left: range, index: int | None) -> int:
    return len(left) if index is None else left.index(index)


@asynccontextmanager
async def recorded(url: str) -> AsyncIterator[Timeline]:
    client = await nats.connect(url)
    try:
        yield Timeline(client)
    finally:
        await client.close()


@asynccontextmanager
async def answering(timeline: Timeline) -> AsyncIterator[None]:
    subscription = await timeline.client.subscribe("strato.*.nav.events.list", cb=timeline.answer)
    await timeline.client.flush()
    try:
        yield
    finally:
        await subscription.unsubscribe()
        await timeline.client.flush()


@asynccontextmanager
async def tailing(
    url: str, timeline: Timeline, told: list[StratoError]
) -> AsyncIterator[asyncio.Queue[int]]:
    """The indexes of the events that a tail gives, once it has looked where the end is."""
    found: asyncio.Queue[int] = asyncio.Queue()

    async def listen() -> None:
        async with Navigator.connect(url) as nav, aclosing(nav.tail(BODY, told.append)) as events:
            async for one in events:
                assert isinstance(one, Event)
                found.put_nowait(one.event_index)

    async def has_looked() -> bool:
        return timeline.looks > 0

    task = asyncio.create_task(listen())
    try:
        await eventually(has_looked, within=5)
        yield found
    finally:
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_no_event_is_walked_through_twice_where_none_is_picked(nats_url: str) -> None:
    told: list[StratoError] = []
    async with recorded(nats_url) as timeline, answering(timeline):
        async with tailing(nats_url, timeline, told) as found:
            for _ in range(5):
                await timeline.add()
            await timeline.add(is_picked=True)
            assert await asyncio.wait_for(found.get(), 5) == 5
            looks = timeline.looks
            # Word of other agents' events is no reason to walk.
            await timeline.client.publish(PROJECTED, b"{}")

            async def has_looked_again() -> bool:
                return timeline.looks > looks

            await eventually(has_looked_again, within=5)
        assert timeline.walked == [(n - 1, n) for n in range(6)]
    assert told == []


async def test_an_event_that_can_not_be_judged_is_told_and_passed_over(nats_url: str) -> None:
    told: list[StratoError] = []
    async with (
        recorded(nats_url) as timeline,
        answering(timeline),
        tailing(nats_url, timeline, told) as found,
    ):
        # All at once: a page that ends before the event, and one that begins with it.
        timeline.picked, timeline.stopping, timeline.events = {0, 2}, {1}, 2
        await timeline.add(is_picked=True)
        assert [await asyncio.wait_for(found.get(), 5) for _ in range(2)] == [0, 2]
        await timeline.add(is_stopping=True)
        await timeline.add(is_picked=True)
        assert await asyncio.wait_for(found.get(), 5) == 4
    assert [error.details["stopped_at"] for error in told] == [1, 3]


async def test_a_tail_outlives_its_navigator(nats_url: str) -> None:
    told: list[StratoError] = []
    async with recorded(nats_url) as timeline, AsyncExitStack() as first:
        await first.enter_async_context(answering(timeline))
        async with tailing(nats_url, timeline, told) as found:
            await first.aclose()

            async def is_told() -> bool:
                return bool(told)

            await eventually(is_told, within=5)
            async with answering(timeline):
                await timeline.add(is_picked=True)
                assert await asyncio.wait_for(found.get(), 5) == 0
    assert [type(error) for error in told] == [Unreachable]


async def test_a_navigator_that_is_busy_with_others_is_asked_again(nats_url: str) -> None:
    told: list[StratoError] = []
    async with (
        recorded(nats_url) as timeline,
        answering(timeline),
        tailing(nats_url, timeline, told) as found,
    ):
        timeline.is_busy = True
        await timeline.add(is_picked=True)
        timeline.is_busy = False
        assert await asyncio.wait_for(found.get(), 5) == 0
    assert [error.details for error in told] == [{"at_a_time": 2}]


async def test_nobody_at_the_start_ends_a_tail(nats_url: str) -> None:
    async with Navigator.connect(nats_url) as nav, aclosing(nav.tail(BODY)) as events:
        with pytest.raises(Unreachable, match="no navigator"):
            await anext(events)


async def test_who_waits_for_hits_is_told_that_the_connection_is_over(nats_url: str) -> None:
    connection = await connect(nats_url, name="test")
    async with aclosing(hits(connection, "default", None)) as found:
        waiting = asyncio.create_task(anext(found))
        await asyncio.sleep(0)
        # Behind the subscription, which is then there.
        await connection.client.flush()
        await connection.close()
        with pytest.raises(Unreachable):
            await asyncio.wait_for(waiting, 5)


@pytest.mark.parametrize("agent", ["a b", "", "*"])
async def test_hits_of_what_is_no_agent_are_a_bad_request(nats_url: str, agent: str) -> None:
    async with Navigator.connect(nats_url) as nav, aclosing(nav.hits(agent)) as found:
        with pytest.raises(BadRequest, match="can't be listened for"):
            await anext(found)
