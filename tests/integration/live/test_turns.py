"""A partition with much to do has turns: others are not held up, and nothing is lost or doubled."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stratoscope.navigator.live import judging, lane
from stratoscope_contracts.subjects import partition_of
from support.lane import ERRORS, MINE, Watching, breakpoint
from support.recorded import event

EVENTS = 100
OTHER = partition_of("default", "runner")
# By two breakpoints, of which one counts every seventh.
EVERY = [*range(EVENTS)]
SEVENTH = EVERY[6::7]


@pytest.fixture(autouse=True)
def few_are_many(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "_PAIRS", 10)
    monkeypatch.setattr(judging, "_MATCHES", 20)
    monkeypatch.setattr(lane, "_AT_ONCE_SECONDS", 0.0)


@pytest.fixture
def flooding(watching: Watching) -> Callable[..., object]:
    """Records a message of a hundred errors, and one error of another partition."""

    async def flood() -> None:
        await watching.recorded.add_messages(
            [("walker", [error() for _ in EVERY]), ("runner", [error()])]
        )

    return flood


def error() -> dict[str, Any]:
    return event("error_occurred")


async def turns(watching: Watching, count: int) -> None:
    for _ in range(count):
        await watching.lane.take_turn()


async def test_another_partition_has_its_hit_before_a_message_is_judged_to_its_end(
    watching, flooding
):
    every, other = breakpoint(ERRORS), replace(breakpoint(ERRORS), agent="runner")
    await watching.arm(every, other)
    await flooding()
    await watching.lane.look(at_once=True)
    await turns(watching, 4)
    assert await watching.hits_of(other) == [0]
    assert watching.lane.seen[OTHER] == 2
    assert 0 < len(await watching.hits_of(every)) < EVENTS
    # Nobody is let pass a gate by half of a message.
    assert watching.lane.seen[MINE] == 0
    await watching.finish()
    assert await watching.hits_of(every) == EVERY
    assert watching.lane.seen[MINE] == 2


async def test_what_is_told_meanwhile_of_other_partitions_is_judged(watching, flooding):
    every, other = breakpoint(ERRORS), replace(breakpoint(ERRORS), agent="runner")
    await watching.arm(every, other)
    await flooding()
    await watching.lane.look(at_once=True)
    await turns(watching, 4)
    await watching.recorded.add_messages([("runner", [error()]), ("walker", [])])
    told = replace(watching.told(2, whole=False), after={MINE: 2, OTHER: 2})
    await watching.lane.take([told])
    await turns(watching, 2)
    assert await watching.hits_of(other) == [0, 1]
    assert len(await watching.hits_of(every)) < EVENTS
    await watching.finish()
    assert watching.lane.seen[MINE] == 4
    assert await watching.hits_of(every) == EVERY


async def test_a_crash_in_the_middle_of_a_message_loses_none_and_doubles_none(watching, flooding):
    every, seventh = breakpoint(ERRORS), breakpoint(ERRORS, hit='{"every":7}')
    await watching.arm(every, seventh)
    await flooding()
    await watching.lane.look(at_once=True)
    await turns(watching, 5)
    assert 0 < len(await watching.hits_of(every)) < EVENTS
    assert await watching.counted(every) == 0
    await watching.crash()
    await watching.lane.look(at_once=True)
    await watching.finish()
    assert await watching.hits_of(every) == EVERY
    assert await watching.hits_of(seventh) == SEVENTH
    assert [await watching.counted(one) for one in (every, seventh)] == [EVENTS, len(SEVENTH)]


async def test_a_breakpoint_that_comes_in_the_middle_sees_all_that_it_is_armed_for(
    watching, flooding
):
    every, late = breakpoint(ERRORS), breakpoint(ERRORS, hit='{"every":7}')
    later = breakpoint(ERRORS, armed_seq=1)
    await watching.arm(every)
    await flooding()
    await watching.lane.look(at_once=True)
    await turns(watching, 4)
    await watching.change(late, later)
    await watching.recorded.add("walker", error())
    await watching.lane.look(at_once=True)
    await watching.finish()
    await watching.lane.look(at_once=True)
    await watching.finish()
    assert await watching.hits_of(every) == [*EVERY, EVENTS]
    assert await watching.hits_of(late) == SEVENTH
    assert await watching.hits_of(later) == [EVENTS]
    assert [await watching.counted(one) for one in (every, late, later)] == [101, len(SEVENTH), 1]


async def test_what_a_new_breakpoint_has_to_catch_up_on_is_kept_in_parts(watching, flooding):
    old, new = breakpoint(ERRORS), breakpoint(ERRORS, hit='{"every":7}')
    newer = breakpoint(ERRORS)
    await watching.arm(old)
    await flooding()
    await watching.lane.look(at_once=True)
    await watching.finish()
    await watching.change(new, newer)
    await turns(watching, 3)
    assert 0 < len(await watching.hits_of(newer)) < EVENTS
    # It is begun anew by who comes next, who counts it once.
    assert (await watching.watch(MINE)).revision < watching.lane.revision
    await watching.crash()
    await watching.change(later := breakpoint(ERRORS))
    await watching.finish()
    for one in (old, newer, later):
        assert await watching.hits_of(one) == EVERY
        assert await watching.counted(one) == EVENTS
    assert await watching.hits_of(new) == SEVENTH
    assert await watching.counted(new) == len(SEVENTH)


async def test_an_event_of_which_no_depth_is_known_holds_up_no_other_partition(watching):
    deep = breakpoint({"kind": "on_causality_depth", "depth": 3})
    other = replace(breakpoint(ERRORS), agent="runner")
    await watching.arm(deep, other)
    pool = watching.recorded.pool
    await watching.recorded.add_messages([("walker", [error()]), ("runner", [error()])])
    walker = "(select agent_id from agent where name = 'walker')"
    await pool.execute(f"update event set depth = null where agent_id = {walker}")
    await watching.lane.look(at_once=True)
    await turns(watching, 5)
    assert await watching.hits_of(other) == [0]
    assert (watching.lane.seen[MINE], watching.lane.busy) == (0, 1)
    await pool.execute(f"update event set depth = 3 where agent_id = {walker}")
    await watching.finish()
    assert await watching.hits_of(deep) == [0]
