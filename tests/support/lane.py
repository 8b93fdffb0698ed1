"""One lane over a projection, told by hand what a projector would tell it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson

from stratoscope.broker.connection import connect
from stratoscope.broker.feed import Committed
from stratoscope.broker.publishing import Publisher
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.telling import tell_nobody
from stratoscope.navigator.live.arming import arming_of
from stratoscope.navigator.live.judging import Judge
from stratoscope.navigator.live.keeper import Parts
from stratoscope.navigator.live.lane import Lane
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.states import States
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.serving import serving
from stratoscope.store.breakpoints import BreakpointRow, Breakpoints
from stratoscope.store.database import connection
from stratoscope.store.watches import Watch, Watches, changed
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.words import PARTITIONS
from support.recorded import START, Recorded, recorded_in

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
        await self.finish()

    def told(self, after: int, **fields: Any) -> Committed:
        """That nothing of interest was recorded behind a message."""
        return Committed(self.recorded.schema, self.recorded.last_seq, {MINE: after}, **fields)

    async def change(self, *rows: BreakpointRow) -> None:
        """Watch for these, too."""
        async with self.recorded.pool.acquire() as session:
            revision = await Breakpoints(session).create(rows)
            changes = await changed(session, self.lane.revision)
        await self.lane.rearm(revision, changes)

    async def crash(self) -> None:
        """Go on as another process would, from what is in the database."""
        async with self.recorded.pool.acquire() as session:
            changes = await changed(session, 0)
        before = self.lane
        rows = [one.row for one in changes if one.row.is_enabled and not one.is_gone]
        self.lane = Lane(self.parts, before.revision, await arming_of(rows))
        for number in sorted(before.held):
            await self.lane.hold(await self.watch(number))

    async def finish(self) -> None:
        """Have everything done that waits for its turn."""
        while self.lane.busy:
            await self.lane.take_turn()

    async def counted(self, row: BreakpointRow) -> int:
        """How often a breakpoint was hit, as it is counted."""
        found: int | None = await self.recorded.pool.fetchval(
            "select sum(hits)::bigint from hit_count where breakpoint_id = $1", row.id
        )
        return found or 0

    async def hits_of(self, row: BreakpointRow) -> list[int]:
        """The indexes of the events that hit a breakpoint."""
        rows = await self.recorded.pool.fetch(
            "select event_index from hit where breakpoint_id = $1 order by event_index", row.id
        )
        return [row[0] for row in rows]

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


@asynccontextmanager
async def watching_over(dsn: str, url: str) -> AsyncIterator[Watching]:
    """A lane over a new projection, with nothing armed."""
    async with AsyncExitStack() as stack:
        recorded = await stack.enter_async_context(recorded_in(dsn))
        schema = recorded.schema
        broker = await connect(url, name="test")
        stack.push_async_callback(broker.close)
        pool = await stack.enter_async_context(serving(dsn, schema, size=2))
        session = await stack.enter_async_context(connection(dsn, schema, "test", by_key=True))
        expressions = await stack.enter_async_context(Expressions(1))
        watches = Watches(
            session, pool, owner=OWNER, lasting=timedelta(hours=1), partitions=PARTITIONS
        )
        states = States(session)
        outbox = Outbox(Publisher(broker), broker.client, pool, tell_nobody)
        stack.push_async_callback(outbox.close)
        judge = Judge(session, states, expressions)
        yield Watching(
            recorded, Parts(schema, session, watches, judge, states, outbox, Metrics(()).live)
        )


def breakpoint(condition: dict[str, Any], **fields: Any) -> BreakpointRow:
    text = orjson.dumps(condition).decode()
    return BreakpointRow(uuid4(), "default", "walker", text, START, **({"armed_seq": 0} | fields))


ERRORS = {"kind": "on_event_type", "type": "error_occurred"}
