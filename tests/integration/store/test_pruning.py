"""Which hits are dropped: old ones that were published and can't be found again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from stratoscope.store.breakpoints import BreakpointRow, Breakpoints
from stratoscope.store.pruning import EVER, Pruned, prune
from stratoscope.store.watches import sweep

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
BEFORE = NOW - timedelta(days=7)
OLD = NOW - timedelta(days=8)
PARTITION = 3
# Seen up to here, by all that there was at the revision.
SEEN, REVISION = 100, 1_000


@dataclass
class Table:
    """The table of hits, behind everybody's back."""

    session: asyncpg.Connection

    async def add(
        self,
        breakpoint_id: UUID,
        stream_seq: int = SEEN,
        published_at: datetime | None = OLD,
        partition: int = PARTITION,
    ) -> UUID:
        hit_id = uuid4()
        await self.session.execute(
            "insert into hit (stream_seq, ordinal, event_index, created_at, published_at, hit_id,"
            " breakpoint_id, partition, space, agent, action, body)"
            " values ($1, 0, 0, $2, $3, $4, $5, $6, 'default', 'walker', 'notify', '{}')",
            *(stream_seq, OLD, published_at, hit_id, breakpoint_id, partition),
        )
        return hit_id

    async def arm(self, armed_seq: int, *, is_enabled: bool = True) -> UUID:
        """A breakpoint that is armed from a message on."""
        row = BreakpointRow(uuid4(), "default", "*", "{}", NOW, armed_seq, is_enabled=is_enabled)
        await Breakpoints(self.session).create([row])
        return row.id

    async def revise(self, breakpoint_id: UUID) -> None:
        """Have a breakpoint changed later than those who watch know."""
        statement = "update breakpoint set revision = $1 where id = $2"
        await self.session.execute(statement, REVISION + 1, breakpoint_id)

    async def left(self) -> set[UUID]:
        return {row["hit_id"] for row in await self.session.fetch("select hit_id from hit")}


@pytest.fixture
async def table(sessions: asyncpg.Pool) -> AsyncIterator[Table]:
    async with sessions.acquire() as session:
        statement = "update watch set stream_seq = $1, revision = $2 where partition = $3"
        await session.execute(statement, SEEN, REVISION, PARTITION)
        yield Table(session)


async def test_what_is_young_elsewhere_or_on_its_way_stays(table: Table):
    one = await table.arm(0)
    old = await table.add(one)
    stays = {
        await table.add(one, published_at=None),
        await table.add(one, published_at=BEFORE),
        await table.add(one, partition=PARTITION + 1),
    }
    assert await table.left() == stays | {old}
    assert await prune(table.session, PARTITION, EVER, BEFORE, 10) == Pruned(1, OLD)
    assert await table.left() == stays
    assert await prune(table.session, PARTITION, EVER, BEFORE, 10) == Pruned(0, None)


async def test_what_may_be_found_again_stays(table: Table):
    """Where not all has seen the partition that far, or not by the breakpoint as it is now."""
    known, changed = await table.arm(50), await table.arm(50)
    off, removed = await table.arm(50, is_enabled=False), await table.arm(50)
    await table.revise(changed)
    await Breakpoints(table.session).remove("default", removed, NOW)
    await table.revise(removed)
    for one in (known, changed, off, removed, uuid4()):
        await table.add(one, 50)
    for one in (known, off, removed, uuid4()):
        await table.add(one, SEEN)
    stays = {await table.add(changed, 51), await table.add(known, SEEN + 1)}
    assert (await prune(table.session, PARTITION, EVER, BEFORE, 100)).count == 9
    assert await table.left() == stays


async def test_a_few_go_at_a_time_oldest_first_and_what_stays_is_passed_over(table: Table):
    one, changed = await table.arm(0), await table.arm(0)
    await table.revise(changed)
    stays = await table.add(changed, published_at=OLD - timedelta(minutes=1))
    order = [await table.add(one, published_at=OLD + timedelta(seconds=n)) for n in range(5)]
    since = EVER
    for left in (3, 1):
        pruned = await prune(table.session, PARTITION, since, BEFORE, 2)
        assert pruned.upto is not None
        since = pruned.upto
        assert await table.left() == {stays, *order[5 - left :]}
    assert (await prune(table.session, PARTITION, since, BEFORE, 2)).count == 1
    assert await table.left() == {stays}


async def test_what_somebody_else_is_at_is_left_to_him(table: Table, sessions: asyncpg.Pool):
    mine, his = await table.add(uuid4()), await table.add(uuid4())
    async with sessions.acquire() as other, other.transaction():
        await other.execute("update hit set action = action where hit_id = $1", his)
        assert (await prune(table.session, PARTITION, EVER, BEFORE, 10)).count == 1
        assert mine not in await table.left()


async def test_counts_of_breakpoints_long_gone_go_with_them(table: Table):
    """Who had not heard of the removal yet has counted on."""
    gone, here = await table.arm(0), await table.arm(0)
    await Breakpoints(table.session).remove("default", gone, datetime.now(UTC) - timedelta(hours=2))
    for one in (gone, here):
        await table.session.execute("insert into hit_count values ($1, 'walker', 1, 1)", one)
    await sweep(table.session)
    counted = await table.session.fetch("select breakpoint_id from hit_count")
    assert [row["breakpoint_id"] for row in counted] == [here]
