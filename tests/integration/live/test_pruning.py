"""Hits that were dropped from the table are never found again, and so never published anew."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from stratoscope.broker.connection import connect
from stratoscope.broker.ending import end_tasks
from stratoscope.broker.publishing import Publisher
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.telling import telling
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.term import Inbox, Term, Wiring, begin
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.serving import serving
from stratoscope.store.database import connection
from stratoscope.store.migration import migrate
from support.eventually import eventually
from support.held import OFTEN

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("cleared")]

Json = dict[str, Any]
ERRORS = {"kind": "on_event_type", "type": "error_occurred"}
ERROR = {"kind": "event", "type": "error_occurred"}


async def created(stand: Any, **asked: Any) -> str:
    made = await stand.ask("breakpoint.create", condition=ERRORS, **asked)
    return str(made["breakpoint"]["id"])


async def hit_counts(stand: Any, ids: list[str]) -> list[int]:
    found = [await stand.ask("breakpoint.get", id=one) for one in ids]
    return [one["breakpoint"]["hit_count"] for one in found]


async def told_of(hits: Any, agent: str) -> dict[str, list[int]]:
    """The events hit, by breakpoint."""
    told = [hit for hit in await hits.told() if hit["agent"] == agent]
    found: dict[str, list[int]] = {}
    for hit in told:
        found.setdefault(hit["breakpoint_id"], []).append(hit["position"]["event_index"])
    return {one: sorted(indexes) for one, indexes in found.items()}


async def kept(stand: Any) -> int:
    """How many hits the table has."""
    return int((await stand.execute("update hit set action = action")).removeprefix("UPDATE "))


async def dropped(stand: Any) -> float:
    """How many the navigator says that it has dropped."""
    metrics = (await stand.navigator.get("/metrics"))[1]
    found = re.search(r"^strato_navigator_breakpoint_hits_dropped_total (\S+)$", metrics, re.M)
    assert found is not None
    return float(found[1])


async def grown_old(stand: Any) -> None:
    """Return once all hits are old, and who watches has dropped them."""
    await stand.execute("update hit set published_at = published_at - interval '8 days'")

    async def none_left() -> bool:
        return await kept(stand) == 0

    await eventually(none_left)


@asynccontextmanager
async def a_term(stand: Any) -> AsyncIterator[Term]:
    """One that has read the breakpoints there are, and watches nothing yet."""
    schema = (await migrate(stand.dsn)).serving
    async with AsyncExitStack() as stack:
        broker = await connect(stand.server.url, name="late")
        stack.push_async_callback(broker.close)
        sessions = await stack.enter_async_context(serving(stand.dsn, schema, size=4))
        expressions = await stack.enter_async_context(Expressions(1))
        outbox = Outbox(Publisher(broker), broker.client, sessions, telling(broker.client))
        wiring = Wiring(broker.client, sessions, expressions, outbox, Metrics([]).live)
        session = await stack.enter_async_context(
            connection(stand.dsn, schema, "late", by_key=True)
        )
        yield await begin(wiring, "late", session, schema, Inbox())


@asynccontextmanager
async def running(term: Term) -> AsyncIterator[None]:
    """Have a term watch as long as the block lasts."""
    outbox = term.wiring.outbox
    tasks = [asyncio.create_task(term.run()), asyncio.create_task(outbox.run())]
    try:
        yield
    finally:
        await end_tasks(tasks)
        await term.leave()
        await outbox.close()


async def test_nothing_is_found_twice_after_a_change_a_restart_and_a_take_over(stand, hits):
    agent = f"pruned-{uuid4()}"
    await grown_old(stand)
    before = await dropped(stand)
    one = await created(stand, agent=agent)
    every = await created(stand, agent="*", hit={"every": 2})
    await hits.until_seen(agent, await hits.record(agent, [ERROR] * 6))
    await grown_old(stand)

    async def are_counted() -> bool:
        return await dropped(stand) == before + 9

    await eventually(are_counted)
    assert await hit_counts(stand, [one, every]) == [6, 3]

    await stand.ask("breakpoint.disable", id=one)
    await stand.ask("breakpoint.enable", id=one)
    past = await stand.ask("breakpoint.create", agent=agent, condition=ERRORS, past=1000)
    assert [hit["position"]["event_index"] for hit in past["past_hits"]] == [5, 4, 3, 2, 1, 0]
    await stand.kill_navigator()
    first = await stand.start_navigator(**OFTEN)
    await hits.until_seen(agent, await hits.record(agent, [ERROR]))
    assert await kept(stand) == 2
    await grown_old(stand)
    await stand.start_navigator(**OFTEN)
    first.process.kill()
    await first.process.wait()
    await hits.until_seen(agent, await hits.record(agent, [ERROR]))
    assert await kept(stand) == 3
    later = past["breakpoint"]["id"]
    assert await hit_counts(stand, [one, every, later]) == [8, 4, 2]
    assert await told_of(hits, agent) == {
        one: [0, 1, 2, 3, 4, 5, 6, 7],
        every: [1, 3, 5, 7],
        later: [6, 7],
    }
    await stand.ask("breakpoint.remove", id=every)


async def test_who_takes_over_and_knew_less_finds_nothing_twice(stand, hits):
    """A breakpoint was set since he read them all, and hit where somebody else watched."""
    agent = f"overtaken-{uuid4()}"
    # Something old is watched too, so that the partition is taken over where it was left.
    await created(stand, agent="*")
    async with a_term(stand) as term:
        made = await created(stand, agent=agent, hit={"every": 2})
        await hits.until_seen(agent, await hits.record(agent, [ERROR] * 4))
        await grown_old(stand)
        await stand.kill_navigator()
        async with running(term):
            await hits.until_seen(agent, await hits.record(agent, [ERROR] * 2))
            assert await kept(stand) == 3
    await stand.start_navigator(**OFTEN)
    assert (await told_of(hits, agent))[made] == [1, 3, 5]
    assert await hit_counts(stand, [made]) == [3]
