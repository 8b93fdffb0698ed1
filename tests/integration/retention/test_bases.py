"""Bases are there before the log loses what is before them, by a clock that the test moves."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from stratoscope.projector.bases import BaseKeeper, LogFront
from stratoscope.projector.metrics import Metrics
from stratoscope.store.bases import Bases, overtaken
from stratoscope.store.leases import Held
from stratoscope_contracts.words import STREAM_RECORD
from support.recorded import START, Recorded, after, event, recorded_in, snapshot

AGE = 60
INTERVAL = 5


class AgingLog:
    """What is recorded second by second, and lost when it is old."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.seconds: list[int] = []

    async def record(self, second):
        """One agent all the time, one now and then, one at the beginning only."""
        due = {"busy": True, "seldom": second % 37 == 0, "idle": second < 3}
        for agent in (agent for agent, is_due in due.items() if is_due):
            state = snapshot({"n": second}) if second % 3 else event(data={"n": second})
            await self.recorded.add(agent, event(), state, at=second)
            self.seconds.append(second)

    def front(self, now):
        """The first message that is not too old."""
        return 1 + sum(second < now - AGE for second in self.seconds)

    async def overtaken(self, now):
        """How many bases what the log has lost at a moment reaches beyond."""
        first = self.front(now)
        lost = after(self.seconds[min(first, len(self.seconds)) - 1])
        pool = self.recorded.pool
        return await overtaken(pool, STREAM_RECORD, range(16), first, lost)

    async def without_base(self, now):
        """Agents of which the log has lost something at a moment, and that have no base."""
        found = await self.recorded.pool.fetch(
            "select name from agent join event using (agent_id)"
            " where stream_seq < $1 except select agent from strato.base",
            self.front(now),
        )
        return [row["name"] for row in found]


@pytest.fixture
async def aging(projection_dsn: str) -> AsyncIterator[AgingLog]:
    async with recorded_in(projection_dsn) as recorded:
        await recorded.pool.execute(
            "insert into log (stream, created_at) values ($1, $2)", STREAM_RECORD, START
        )
        yield AgingLog(recorded)


async def test_a_turn_may_be_missed_and_no_base_is_overtaken(aging):
    now = 0
    rows = await aging.recorded.pool.fetch("select partition, epoch from partition")
    held = [Held(row["partition"], row["epoch"], 0, 0, None) for row in rows]

    async def front():
        return LogFront(aging.front(now), timedelta(seconds=AGE))

    interval = timedelta(seconds=INTERVAL)
    keeper = BaseKeeper(
        aging.recorded.pool, STREAM_RECORD, lambda: held, front, interval, Metrics()
    )
    made = 0
    for now in range(3 * AGE):
        if now < 2 * AGE:
            await aging.record(now)
        if now % INTERVAL == 0:
            made += await keeper.advance(after(now))
            # Up to and with the turn after the next one.
            for later in range(now, now + 2 * INTERVAL + 1):
                assert await aging.overtaken(later) == 0, (now, later)
                assert await aging.without_base(later) == [], (now, later)
    # Bases last: one is not made at each turn.
    assert made < 3 * 3 * AGE / INTERVAL / 2


async def test_one_that_nobody_makes_anew_is_overtaken(aging):
    for second in range(AGE):
        await aging.record(second)
    async with aging.recorded.pool.acquire() as session:
        for agent in ("busy", "idle"):
            await Bases(session, STREAM_RECORD).advance("default", agent, after(20), 1)
    assert await aging.overtaken(AGE + 20) == 0
    assert await aging.overtaken(AGE + 22) == 2


async def test_one_ahead_of_where_the_log_begins_is_not_made_anew(aging):
    """The log was to lose what is old, and keeps it after all."""
    for second in range(AGE):
        await aging.record(second)
    async with aging.recorded.pool.acquire() as session:
        bases = Bases(session, STREAM_RECORD)
        await bases.advance("default", "busy", after(20), 1)
        assert await bases.due(range(16), None, 10) == [("default", "seldom"), ("default", "idle")]
