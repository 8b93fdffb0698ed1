"""One lane over a projection, told by hand what a projector would tell it."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from stratoscope.navigator.live import filling, judging
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope.store.hits import Hits
from support.lane import ERRORS, MINE, OWNER, Watching, breakpoint
from support.recorded import event


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
    async for told in filling.filled(parts.session, parts.schema, MINE, wanted, 0, 1):
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
    await watching.finish()
    found = await watching.hits()
    assert sorted(found) == sorted([*range(60)] * 5 + [*range(6, 60, 7)])
    assert max(kept) <= 26
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
    await watching.finish()
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
    assert max(kept) <= 25


async def test_a_page_of_what_was_not_told_is_bounded_by_bytes(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
):
    """Sixteen messages of megabytes each are not held at a time."""
    monkeypatch.setattr(filling, "_BYTES", 50_000)
    large = [("walker", [event("error_occurred", data={"x": "a" * 20_000})]) for _ in range(16)]
    small = [("walker", [event()]) for _ in range(16)]
    await watching.recorded.add_messages([*large, *small])
    await watching.arm(breakpoint(ERRORS))
    parts = watching.parts
    wanted = watching.lane.arming.wanted(MINE)
    told = filling.filled(parts.session, parts.schema, MINE, wanted, 0, watching.recorded.last_seq)
    pages = [sum(len(one.events) for one in page.agents) async for page in told]
    assert sum(pages) == 32
    assert max(pages[:8]) <= 2
    await watching.lane.look(at_once=True)
    assert await watching.hits() == [*range(16)]
