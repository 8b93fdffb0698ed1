"""Nothing that breakpoints look for keeps the loop from its turns, whatever is recorded.

The loop is this test's own: breakpoints are set, and the log is gone through, by parts of a
navigator in this process. What is measured is said in `support.stalls`.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import orjson
import pytest

from stratoscope.broker.connection import connect
from stratoscope.broker.publishing import Publisher
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.navigator.app import calm_the_collector
from stratoscope.navigator.dispatch import Dispatch
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.telling import telling
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.pruning import Pruning
from stratoscope.navigator.live.service import Watching, watching
from stratoscope.navigator.live.term import Wiring
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.serving import Serving, serving
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.breakpoints import BreakpointRow, Breakpoints
from stratoscope.store.database import pool
from stratoscope.store.migration import migrate
from stratoscope.store.watermarks import Watermarks
from stratoscope_contracts.errors import BadRequest, InvalidExpression
from support.eventually import eventually
from support.recorded import START, event, recorded_in, snapshot
from support.stalls import watched_stalls

Json = dict[str, Any]
STALL_SECONDS = 0.1
REFUSED = {
    "nested parentheses": "(" * 500 + "1" + ")" * 500 + " == 1",
    "nested lists": "[" * 300 + "]" * 300 + " == []",
    "nested calls": "size(" * 150 + "1" + ")" * 150 + " == 1",
    "nested choices": "state.a ? " * 100 + "1" + " : 1" * 100,
    "a macro in a macro": "state.a.all(x, x.all(y, y))",
    "a huge number": "1" * 1000 + " == 1",
    "a huge text": f"'{'a' * 1100}' == ''",
    "a name that is nothing": "x" * 1000 + "()",
    "a sum of five hundred": "+".join(["1"] * 500) + " == 1",
    "a long path of indexes": "state" + "[0]" * 300,
    "a pattern too large": "state.text.matches('(a{400}){400}')",
}
DOUBLED = f"size({'+'.join(['x'] * 24)}) == 1"
# Taken, since each costs little or is stopped.
TAKEN = {
    "a long path": "state" + ".a" * 500,
    "a path of indexes": "state" + "[0]" * 20,
    "a large text": f"state.text == '{'a' * 1000}'",
    "a costly regular expression": r"state.text.matches('(\\pL{9}){9}b')",
    "backtracking": "state.text.matches('^(a+)+$')",
    "a list of nearly a million": "state.many.exists(one, one == -1)",
    "two lists at once": "size(state.many + state.many) == 1",
    "a comparison of a long list": "state.many == [1]",
    "lists in a list": "state.pairs[5] == [5]",
    "a doubled text": f"state.texts.exists(x, {' || '.join([DOUBLED] * 15)})",
}
# A condition takes fifty of these, each as long as it may be.
LONGEST = {"kind": "expression", "source": " && ".join(["1+1+1+1+1+1+1+1 == 8"] * 40)}
HARMLESS = ("state.n == 7", "event.data.n == 7")


@pytest.fixture
def calm() -> Iterator[None]:
    """The collector as the process has it."""
    before = gc.get_threshold()
    calm_the_collector()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def patched(n: int) -> Json:
    return event(patch=[{"op": "add", "path": "/n", "value": n}], data={"n": n})


def messages() -> Iterator[tuple[str, list[Json]]]:
    """Large states, many of a middling size, and many small records.

    The longest list leaves room for the rest of its message, which has a million values at most.
    """
    random = Random(5)
    yield "large", [snapshot({"many": [1] * 990_000, "n": 0})]
    yield "large", [snapshot({"pairs": [[n] for n in range(200_000)], "n": 1})]
    yield "large", [snapshot({"texts": ["x" * 10_000] * 300, "text": "a" * 50_000 + "!"})]
    yield "large", [patched(n) for n in range(6, 8)]
    numbers = [random.randrange(1000) for _ in range(25_000)]
    yield "middling", [snapshot({"bag": numbers, "text": random.randbytes(40_000).hex()})]
    for start in range(0, 100, 50):
        yield "middling", [patched(n) for n in range(start, start + 50)]
    yield "small", [patched(n) for n in range(300)]


def expression(agent: str, source: str) -> Json:
    return {"agent": agent, "condition": {"kind": "expression", "source": source}}


def asked() -> Iterator[Json]:
    for source in TAKEN.values():
        yield expression("large", source)
    yield expression("middling", TAKEN["a costly regular expression"])
    for agent in ("large", "middling"):
        for source in HARMLESS:
            yield expression(agent, source)
        yield {"agent": agent, "condition": {"kind": "on_change", "path": "bag"}}
        state = {"kind": "on_state", "path": "n", "op": "eq", "value": 7}
        yield {"agent": agent, "condition": state, "message": "{state.n} of {event.data}"}
    yield {"agent": "quiet", "condition": {"kind": "any_of", "conditions": [LONGEST] * 50}}
    for n in range(100):
        yield expression("small", f"event.data.n == {n}")


class Desk:
    """Asks for breakpoints, and knows what has become of them."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def ask(self, verb: str, body: Json) -> Json:
        found: Json = orjson.loads(await self._dispatch("default", verb, json.dumps(body).encode()))
        return found

    async def set(self, body: Json) -> str:
        made = await self.ask("breakpoint.create", body)
        return str(made["breakpoint"]["id"])

    async def look(self, identity: str) -> Json:
        found: Json = (await self.ask("breakpoint.get", {"id": identity}))["breakpoint"]
        return found


@asynccontextmanager
async def desk_over(sessions: Serving) -> AsyncIterator[Desk]:
    """A desk at which breakpoints are armed from the log's beginning on."""

    async def beginning() -> int:
        return 0

    waiting = Waiting(Watermarks(sessions).read)
    async with Expressions() as expressions:
        yield Desk(Dispatch(sessions, waiting, beginning, expressions))
    await waiting.close()


@asynccontextmanager
async def watched(url: str, dsn: str, sessions: Serving) -> AsyncIterator[Watching]:
    """Somebody who watches, in this loop."""
    connection = await connect(url, name="test")
    metrics = Metrics([]).live
    outbox = Outbox(
        *(Publisher(connection), connection.client, sessions), telling(connection.client)
    )
    pruning = Pruning(sessions, metrics, age=timedelta(days=1), every=3600)
    async with Expressions() as expressions:
        wiring = Wiring(connection.client, sessions, expressions, outbox, metrics)
        async with watching(dsn, wiring, pruning) as found:
            yield found
    await connection.close()


async def recorded(dsn: str) -> dict[str, int]:
    """Record everything; the last message of each agent."""
    last = {}
    async with recorded_in(dsn, size=2) as log:
        for agent, records in messages():
            last[agent] = await log.add(agent, *records)
    return last


async def arm_many(dsn: str, schema: str, count: int) -> None:
    """Breakpoints of agents that are not there: what they are is read all the same."""
    condition = json.dumps(LONGEST)
    rows = [
        BreakpointRow(uuid4(), "default", f"quiet-{n}", condition, START, 0) for n in range(count)
    ]
    async with pool(dsn, schema, "test", size=1) as sessions, sessions.acquire() as session:
        await Breakpoints(session).create(rows)


async def until_seen(watching: Watching, last: dict[str, int]) -> None:
    async def is_watched() -> bool:
        return watching.lane is not None and len(watching.held()) == 16

    await eventually(is_watched, within=10)
    for agent, stream_seq in last.items():
        assert watching.lane is not None
        await asyncio.wait_for(watching.lane.reached("default", agent, stream_seq), 60)


@pytest.mark.usefixtures("calm")
async def test_the_loop_has_its_turns_while_hostile_conditions_are_set_and_judged(
    nats_url, projection_dsn
):
    connection = await connect(nats_url, name="test")
    await ensure_streams(connection.jetstream, StreamSettings())
    await connection.close()
    last = await recorded(projection_dsn)
    schema = (await migrate(projection_dsn)).serving
    await arm_many(projection_dsn, schema, 300)
    async with serving(projection_dsn, schema, size=6) as sessions, desk_over(sessions) as desk:
        async with watched_stalls() as setting:
            for source in REFUSED.values():
                with pytest.raises((InvalidExpression, BadRequest)):
                    await desk.set(expression("large", source))
            ids = [(body, await desk.set(body)) for body in asked()]
        async with (
            watched(nats_url, projection_dsn, sessions) as watching,
            watched_stalls() as judging,
        ):
            await until_seen(watching, last)
        found = [(body, await desk.look(identity)) for body, identity in ids]
    assert setting.longest < STALL_SECONDS
    assert judging.longest < STALL_SECONDS
    sources = [body["condition"].get("source") for body, _ in found]
    told = [*zip(sources, (one for _, one in found), strict=True)]
    stopped = {source for source, one in told if one["last_error"]}
    assert {TAKEN["a list of nearly a million"], TAKEN["a doubled text"]} <= stopped
    assert {one["hit_count"] for source, one in told if source in HARMLESS} == {1}
    assert all(one["hit_count"] == 1 for body, one in found if body["agent"] == "small")
