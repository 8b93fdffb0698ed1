"""A depth is found wherever it stands, and blocks without it are passed over."""

import pytest

from stratoscope.projector.resolver import resolve_page
from stratoscope.store.blocks import EVENTS, Blocks
from stratoscope.store.jumps import Jumps
from stratoscope.store.past import IntakeReader
from support.recorded import Recorded, event, recorded_in

DEEP = (5, EVENTS + 7, 3 * EVENTS + 1)


@pytest.fixture
async def recorded(postgres_dsn):
    """Three blocks and a bit more; events two deep in the first two and the last."""
    async with recorded_in(postgres_dsn) as found:
        records, last = [], None
        for index in range(3 * EVENTS + 2):
            causes = {"causes": [last]} if index in DEEP else {}
            records.append(event(**causes))
            last = records[-1]["id"]
        for start in range(0, len(records), 500):
            await found.add("deep", *records[start : start + 500])
        yield found


async def of_depth(recorded: Recorded, depth, direction="forward", left=range(3 * EVENTS + 2)):
    found = []
    async with recorded.pool.acquire() as session:
        jumps = Jumps(session, 1)
        while left:
            some, left = await jumps.of_depth(depth, left, direction)
            found += some
    return found


async def blocks_with(recorded, depth):
    async with recorded.pool.acquire() as session:
        return await Blocks(session).candidates(1, (0, 3), depth, "forward", 100)


async def test_a_depth_is_found_in_both_directions_and_within_a_range(recorded):
    assert await of_depth(recorded, 2) == list(DEEP)
    assert await of_depth(recorded, 2, "backward") == list(DEEP[::-1])
    assert await of_depth(recorded, 2, left=range(6, 3 * EVENTS)) == [EVENTS + 7]
    assert await of_depth(recorded, 2, "backward", range(6, EVENTS + 7)) == []
    assert len(await of_depth(recorded, 1)) == 3 * EVENTS + 2 - len(DEEP)


async def test_blocks_without_it_are_passed_over(recorded):
    # The last one is open: nobody knows yet.
    assert await blocks_with(recorded, 2) == [0, 1, 3]
    assert await blocks_with(recorded, 1) == [0, 1, 2, 3]
    assert await blocks_with(recorded, 3) == [3]
    async with recorded.pool.acquire() as session:
        assert await Blocks(session).candidates(1, (0, 3), 2, "backward", 2) == [3, 1]


async def test_a_depth_that_is_resolved_later_is_found_too(recorded):
    unknown = (EVENTS + 7, 3 * EVENTS + 1)
    await recorded.pool.execute(
        "update event set depth = null where event_index = any($1::bigint[])", unknown
    )
    # As a block is where it was closed before: with what was known then.
    await recorded.pool.execute("delete from event_block")
    async with recorded.pool.acquire() as session:
        await Blocks(session).close([(1, 0), (1, 1), (1, 2)])
    assert await blocks_with(recorded, 2) == [0, 3]
    assert await resolve_page(recorded.pool, IntakeReader(recorded.pool)) == 2
    assert await of_depth(recorded, 2) == list(DEEP)
    assert await blocks_with(recorded, 2) == [0, 1, 3]
    # What the resolver left of an open block is part of it once it closes.
    rest = [event() for _ in range(EVENTS - 2)]
    await recorded.add("deep", *rest)
    closed = "select count(*) from event_block where is_closed"
    assert await recorded.pool.fetchval(closed) == 4
    assert await blocks_with(recorded, 2) == [0, 1, 3]
