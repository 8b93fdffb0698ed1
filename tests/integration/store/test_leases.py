"""Partitions are shared out, followed at once where a holder dies, and fenced against it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from stratoscope.domain.records import Batch
from stratoscope.store.database import connection
from stratoscope.store.intake import FenceLost, IntakeWriter, Progress
from stratoscope.store.leases import Leases
from stratoscope_contracts.words import PARTITIONS
from support.eventually import eventually

UUID_ONE = UUID(int=1)
LASTING = timedelta(seconds=30)
Join = Callable[..., Awaitable[tuple[Leases, asyncpg.Connection]]]


@pytest.fixture
async def join(projection_dsn: str, sessions: asyncpg.Pool) -> AsyncIterator[Join]:
    """Adds a projector with a session of its own."""
    async with AsyncExitStack() as stack:
        schema = await sessions.fetchval("select current_schema()")

        async def joined(owner: str, lasting: timedelta = LASTING):
            session = await stack.enter_async_context(connection(projection_dsn, schema, owner))
            leases = Leases(session, sessions, owner=owner, lasting=lasting, partitions=PARTITIONS)
            return leases, session

        yield joined


def numbers(leases: Leases) -> list[int]:
    return [held.partition for held in leases.held]


async def test_one_alone_holds_everything(join: Join):
    leases, _ = await join("one")
    assert await leases.share() == PARTITIONS
    assert await leases.claim(PARTITIONS)
    assert numbers(leases) == list(range(PARTITIONS))
    assert not await leases.claim(PARTITIONS)
    assert await leases.free() == 0


async def test_two_share_half_and_half(join: Join):
    (one, _), (two, _) = await join("one"), await join("two")
    assert await one.share() == PARTITIONS
    await one.claim(PARTITIONS)
    assert await two.share() == 8
    assert not await two.claim(8)
    assert await one.share() == 8
    await one.release(len(one.held) - 8)
    assert await two.free() == 8
    assert await two.claim(8)
    assert numbers(one) + numbers(two) == list(range(PARTITIONS))


async def test_many_that_claim_at_once_never_hold_the_same(join: Join):
    projectors = [(await join(f"projector {n}"))[0] for n in range(4)]
    await asyncio.gather(*(one.claim(6) for one in projectors))
    held = [number for one in projectors for number in numbers(one)]
    assert len(held) == len(set(held))
    await asyncio.gather(*(one.claim(6) for one in projectors))
    held = [number for one in projectors for number in numbers(one)]
    assert sorted(held) == list(range(PARTITIONS))


async def test_shares_of_a_number_that_does_not_divide_leave_nothing_over(join: Join):
    projectors = [(await join(f"projector {n}"))[0] for n in range(3)]
    for one in projectors * 2:
        share = await one.share()
    assert share == 6
    for one in projectors:
        await one.claim(await one.share())
    assert sum(len(one.held) for one in projectors) == PARTITIONS


async def test_what_a_killed_session_held_can_be_claimed_at_once(
    join: Join, sessions: asyncpg.Pool
):
    (one, session), (two, _) = await join("one"), await join("two")
    await one.share()
    await one.claim(PARTITIONS)
    await sessions.execute("select pg_terminate_backend($1)", session.get_server_pid())

    async def all_free() -> bool:
        return await two.free() == PARTITIONS

    await eventually(all_free)
    assert await two.share() == PARTITIONS
    assert await two.claim(PARTITIONS)
    assert not await one.renew()


async def test_a_lease_that_ran_out_can_be_claimed_and_is_not_renewed_after(join: Join):
    (one, _), (two, _) = await join("one", timedelta(0)), await join("two")
    await one.claim(PARTITIONS)
    assert await one.renew()
    assert await two.claim(PARTITIONS)
    assert not await one.renew()
    assert await two.renew()


async def test_a_holder_that_was_followed_can_write_nothing(join: Join, sessions: asyncpg.Pool):
    (one, session), (two, _) = await join("one", timedelta(0)), await join("two")
    await one.claim(PARTITIONS)
    writer = IntakeWriter(session)
    await writer.commit(Batch(), (), one.held, Progress(5))
    one.moved(5, None, None)
    await two.claim(1)
    with pytest.raises(FenceLost):
        await writer.commit(Batch(edges=[(UUID_ONE, 1, 1)]), (), one.held, Progress(9))
    assert await sessions.fetchval("select max(stream_seq) from partition") == 5
    assert await sessions.fetchval("select count(*) from edge") == 0


async def test_who_follows_starts_where_the_one_before_stopped(join: Join):
    (one, session), (two, _) = await join("one", timedelta(0)), await join("two")
    await one.claim(PARTITIONS)
    await IntakeWriter(session).commit(Batch(), (), one.held, Progress(5, 4, b"digest"))
    await two.claim(PARTITIONS)
    assert {(held.stream_seq, held.probe_seq, held.probe_digest) for held in two.held} == {
        (5, 4, b"digest")
    }
    assert {held.epoch for held in two.held} == {2}


async def test_who_leaves_is_counted_no_more(join: Join):
    (one, _), (two, _) = await join("one"), await join("two")
    await one.share()
    await one.claim(PARTITIONS)
    assert await two.share() == 8
    await one.leave()
    assert not one.held
    assert await two.share() == PARTITIONS
    assert await two.claim(PARTITIONS)


async def test_nothing_is_released_where_nothing_is_over(join: Join):
    leases, _ = await join("one")
    await leases.claim(4)
    await leases.release(0)
    assert numbers(leases) == [0, 1, 2, 3]
    await leases.release(1)
    assert numbers(leases) == [0, 1, 2]
