"""One lane over a projection, told by hand what a projector would tell it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from stratoscope.broker.connection import connect
from stratoscope.broker.feed import Committed
from stratoscope.broker.publishing import Publisher
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.telling import tell_nobody
from stratoscope.navigator.live import judging
from stratoscope.navigator.live.arming import arming_of
from stratoscope.navigator.live.filling import filled
from stratoscope.navigator.live.judging import Judge
from stratoscope.navigator.live.lane import Lane, Parts
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.states import States
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.serving import serving
from stratoscope.store.breakpoints import BreakpointRow, Breakpoints
from stratoscope.store.database import connection
from stratoscope.store.hits import Hits
from stratoscope.store.watches import Watch, Watches
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.words import PARTITIONS
from support.recorded import START, Recorded, event, recorded_in
from support.stack import NatsServer

OWNER = "a lane"
MINE = partition_of("default", "walker")


class Watching:
    """A projection, a lane that watches all of it, and what came of that."""

    def __init__(self, recorded: Recorded, parts: Parts) -> None:
        self.recorded = recorded
        self.parts = parts
        self.lane: Lane

    async def arm(self, *rows: BreakpointRow) -> None:
        """Watch for these, from where they are armed."""
        async with self.recorded.pool.acquire() as session:
            revision = await Breakpoints(session).create(rows)
        armed = [replace(row, revision=revision) for row in rows]
        self.lane = Lane(self.parts, revision, await arming_of(armed))
        for watch in await self.parts.watches.claim(PARTITIONS):
            await self.lane.hold(watch)

    def told(self, after: int, **fields: Any) -> Committed:
        """That nothing of interest was recorded behind a message."""
        return Committed(self.recorded.schema, self.recorded.last_seq, {MINE: after}, **fields)

    async def hits(self) -> list[int]:
        """The indexes of the events that were hit."""
        rows = await self.recorded.pool.fetch("select event_index from hit order by event_index")
        return [row[0] for row in rows]

    async def watch(self, partition: int) -> Watch:
        """How a partition's watch stands."""
        row = await self.recorded.pool.fetchrow(
            "select partition, epoch, stream_seq, revision from watch where partition = $1",
            partition,
        )
        return Watch(*row)


@pytest.fixture
async def watching(projection_dsn: str, nats_server: NatsServer) -> AsyncIterator[Watching]:
    async with AsyncExitStack() as stack:
        recorded = await stack.enter_async_context(recorded_in(projection_dsn))
        schema = recorded.schema
        broker = await connect(nats_server.url, name="test")
        stack.push_async_callback(broker.close)
        pool = await stack.enter_async_context(serving(projection_dsn, schema, size=2))
        session = await stack.enter_async_context(
            connection(projection_dsn, schema, "test", by_key=True)
        )
        expressions = await stack.enter_async_context(Expressions(1))
        watches = Watches(
            session, pool, owner=OWNER, lasting=timedelta(hours=1), partitions=PARTITIONS
        )
        states = States(session)
        outbox = Outbox(Publisher(broker), broker.jetstream, pool, tell_nobody)
        stack.push_async_callback(outbox.close)
        judge = Judge(session, states, expressions)
        yield Watching(
            recorded, Parts(schema, session, watches, judge, states, outbox, Metrics(()).live)
        )


def breakpoint(condition: dict[str, Any], **fields: Any) -> BreakpointRow:
    text = orjson.dumps(condition).decode()
    return BreakpointRow(uuid4(), "default", "walker", text, START, **({"armed_seq": 0} | fields))


ERRORS = {"kind": "on_event_type", "type": "error_occurred"}


async def test_who_told_a_batch_may_not_have_known_what_is_wanted(watching: Watching):
    """A projector that has not heard of a new breakpoint yet leaves the agent out."""
    await watching.arm(breakpoint(ERRORS))
    for _ in range(3):
        await watching.recorded.add("walker", event("error_occurred"))
    lane = watching.lane
    number = lane.wanted().number
    assert lane.wanted().number == number
    await lane.take([watching.told(0, heard={OWNER: number - 1})])
    assert await watching.hits() == [0, 1, 2]
    # Who knew has no reason to leave anything out.
    await watching.recorded.add("walker", event("error_occurred"))
    await lane.take([watching.told(3, heard={OWNER: number})])
    assert await watching.hits() == [0, 1, 2]
    assert lane.seen[MINE] == 4
    await watching.recorded.add("walker", event("error_occurred"))
    await lane.take([watching.told(4, heard={"another": number})])
    assert await watching.hits() == [0, 1, 2, 4]


async def test_more_is_wanted_when_a_partition_comes_and_not_when_one_goes(watching: Watching):
    await watching.arm(breakpoint(ERRORS))
    lane = watching.lane
    number = lane.wanted().number
    lane.release(MINE)
    assert (lane.wanted().agents, lane.wanted().number) == ([], number)
    await lane.hold(await watching.watch(MINE))
    assert (lane.wanted().agents, lane.wanted().number) == ([("default", "walker")], number + 1)


async def test_what_another_has_counted_meanwhile_is_counted(watching: Watching):
    """A partition that is given up and taken back was counted on elsewhere."""
    one = breakpoint(ERRORS, hit='{"after":3}')
    await watching.arm(one)
    lane = watching.lane
    for _ in range(2):
        await watching.recorded.add("walker", event("error_occurred"))
    await lane.take([watching.told(0, whole=False)])
    lane.release(MINE)
    await watching.recorded.pool.execute("update hit_count set matches = matches + 1")
    await lane.hold(await watching.watch(MINE))
    await watching.recorded.add("walker", event("error_occurred"))
    await lane.take([watching.told(2, whole=False)])
    assert await watching.hits() == [2]


@pytest.mark.parametrize(
    "watched",
    [
        breakpoint({"kind": "on_causality_depth", "depth": 1}),
        breakpoint({"kind": "expression", "source": "event.depth == 1"}),
        breakpoint(ERRORS, action="log", message="at depth {event.depth}"),
    ],
    ids=["depth", "expression", "message"],
)
async def test_an_event_that_is_gone_is_waited_for_no_more(
    watching: Watching, watched: BreakpointRow
):
    """Erased, or dropped, before it was known how deep it stands."""
    await watching.arm(watched)
    pool, lane, parts = watching.recorded.pool, watching.lane, watching.parts
    await watching.recorded.add("walker", event("error_occurred"))
    await pool.execute("update event set depth = null")
    wanted = lane.arming.wanted(MINE)
    async for told in filled(parts.session, parts.schema, MINE, wanted, 0, 1):
        await pool.execute("delete from event")
        async with asyncio.timeout(5):
            await lane.take([replace(told, heard={OWNER: lane.wanted().number})])
    assert lane.seen[MINE] == 1


async def test_an_event_is_not_told_whole_by_each_of_many_hits(watching: Watching):
    """Its size times the breakpoints on it is what one message would cost all who watch."""
    every = [breakpoint(ERRORS, action="log", message="{event.data.x}") for _ in range(100)]
    await watching.arm(*every)
    await watching.recorded.add("walker", event("error_occurred", data={"x": "a" * 100_000}))
    await watching.recorded.add("walker", event("error_occurred", data={"x": "b"}))
    await watching.lane.look(at_once=True)
    rows = await watching.recorded.pool.fetch("select body from hit order by event_index")
    told = [orjson.loads(row["body"]) for row in rows]
    assert len(told) == 200
    assert [one.get("event_cut", False) for one in told] == [True] * 100 + [False] * 100
    assert all(one["event"]["data"] == {} for one in told[:100])
    assert all(one["event"]["data"] == {"x": "b"} for one in told[100:])
    assert sum(len(row["body"]) for row in rows) < 1 << 20


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many hits were kept at a time; few are many here."""
    monkeypatch.setattr(judging, "_PAIRS", 10)
    monkeypatch.setattr(judging, "_MATCHES", 20)
    monkeypatch.setattr(judging, "_MOST_MATCHES", 50)
    sizes: list[int] = []
    keep = Hits.keep

    async def counted(self: Hits, reached: Any, hits: Any, *more: Any, **named: Any) -> Any:
        sizes.append(len(hits))
        return await keep(self, reached, hits, *more, **named)

    monkeypatch.setattr(Hits, "keep", counted)
    return sizes


async def test_the_hits_of_a_batch_are_kept_in_parts(watching: Watching, kept: list[int]):
    """Breakpoints times records is millions: more than a process can hold at a time."""
    every = [breakpoint(ERRORS) for _ in range(5)]
    counted = breakpoint(ERRORS, hit='{"every":7}')
    await watching.arm(*every, counted)
    await watching.recorded.add_messages(
        [("walker", [event("error_occurred") for _ in range(2)]) for _ in range(30)]
    )
    await watching.lane.look(at_once=True)
    found = await watching.hits()
    assert sorted(found) == sorted([*range(60)] * 5 + [*range(6, 60, 7)])
    assert max(kept) <= 40
    assert watching.lane.seen[MINE] == 30


async def test_breakpoints_that_one_message_meets_without_end_are_disabled(
    watching: Watching, kept: list[int]
):
    other = replace(breakpoint(ERRORS), agent="runner")
    every = [breakpoint(ERRORS) for _ in range(5)]
    await watching.arm(*every, other)
    await watching.recorded.add_messages(
        [
            ("walker", [event("error_occurred") for _ in range(100)]),
            ("runner", [event("error_occurred")]),
        ]
    )
    await watching.lane.look(at_once=True)
    rows = await watching.recorded.pool.fetch(
        "select agent, is_enabled, disabled_reason from breakpoint"
    )
    said = {row["disabled_reason"] for row in rows if row["agent"] == "walker"}
    assert len(said) == 1
    assert "by one message" in str(said)
    assert [row["is_enabled"] for row in rows if row["agent"] == "runner"] == [True]
    agents = [row[0] for row in await watching.recorded.pool.fetch("select agent from hit")]
    assert agents.count("runner") == 1
    assert 50 <= agents.count("walker") <= 70
    assert max(kept) <= 70
