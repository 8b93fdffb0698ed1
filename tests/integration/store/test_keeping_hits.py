"""Hits are kept with how far partitions were watched, by who holds all of them, or not at all."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from stratoscope.domain.timeline import Place
from stratoscope.store.hits import HitRow, Hits, Reached, Tally, WatchLost
from stratoscope.store.watches import Watches
from stratoscope_contracts.words import PARTITIONS
from support.eventually import eventually

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def hit(partition: int) -> HitRow:
    return HitRow(
        *(uuid4(), uuid4(), None, partition, "default", "agent", Place(5, 0), 4),
        *("log", "{}"),
    )


async def watched(sessions: asyncpg.Pool) -> set[int]:
    return {row[0] for row in await sessions.fetch("select distinct stream_seq from watch")}


async def is_waiting(sessions: asyncpg.Pool, pid: int) -> bool:
    """Whether a session waits for a lock of another."""
    event = "select wait_event_type from pg_stat_activity where pid = $1"
    return bool(await sessions.fetchval(event, pid) == "Lock")


@pytest.fixture
async def reached(sessions: asyncpg.Pool) -> list[Reached]:
    """All partitions, watched up to a message by who has just claimed them."""
    async with sessions.acquire() as session:
        watches = Watches(
            session, sessions, owner="test", lasting=timedelta(minutes=1), partitions=PARTITIONS
        )
        held = await watches.claim(PARTITIONS)
    return [Reached(one.partition, one.epoch, 5, 1) for one in held]


async def test_where_one_partition_is_lost_nothing_is_kept_of_any(
    sessions: asyncpg.Pool, reached: list[Reached]
):
    """Else the others would be watched past a hit that nobody has."""
    await sessions.execute("update watch set epoch = epoch + 1 where partition = 3")
    one = hit(7)
    async with sessions.acquire() as session:
        with pytest.raises(WatchLost):
            await Hits(session).keep(reached, [one], {(one.breakpoint_id, "a"): Tally(1, 1)}, NOW)
    assert await watched(sessions) == {0}
    assert await sessions.fetchval("select count(*) from hit") == 0
    assert await sessions.fetchval("select count(*) from hit_count") == 0


async def test_hits_are_kept_beside_a_lease_that_is_being_renewed(
    sessions: asyncpg.Pool, reached: list[Reached]
):
    one = hit(7)
    async with sessions.acquire() as renewing, sessions.acquire() as session:
        async with renewing.transaction():
            await renewing.execute("update watch set lease_until = now()")
            keeping = asyncio.create_task(Hits(session).keep(reached, [one], {}, NOW))
            pid = session.get_server_pid()
            await eventually(lambda: is_waiting(sessions, pid))
        assert await keeping == {one.hit_id}
    assert await watched(sessions) == {5}
    assert await sessions.fetchval("select array_agg(hit_id) from hit") == [one.hit_id]


async def test_what_waits_for_the_disk_is_there_afterwards(
    sessions: asyncpg.Pool, reached: list[Reached]
):
    async with sessions.acquire() as session:
        before = await session.fetchval("select pg_current_wal_insert_lsn()")
        async with session.transaction():
            await Hits(session).keep(reached, [hit(7)], {}, NOW, waits_for_disk=True)
        assert await session.fetchval("select pg_current_wal_flush_lsn() > $1::pg_lsn", before)


async def test_who_waits_otherwise_still_does(sessions: asyncpg.Pool, reached: list[Reached]):
    """That hits do not wait for the disk is of their own statement, not of the session."""
    async with sessions.acquire() as session:
        await Hits(session).keep(reached, [hit(7)], {}, NOW)
        await Hits(session).advance(reached)
        assert await session.fetchval("select current_setting('synchronous_commit')") == "on"
