"""Holds as they are kept: who is held by whom, for how long, and what a step is counted from."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from stratoscope.domain.holding import HEARD_WITHIN, GoFor, Hold, verdict
from stratoscope.domain.holding import Held as HeldBy
from stratoscope.store.holds import Holds
from stratoscope.store.sql import queries
from stratoscope_contracts.words import MAX_STEP_EVENTS
from support.recorded import Recorded, event, recorded_in

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIRST, SECOND_BREAKPOINT = str(UUID(int=1)), str(UUID(int=2))
SESSION = UUID(int=9)
MANY = 5_000


@pytest.fixture
async def recorded(postgres_dsn: str) -> AsyncIterator[Recorded]:
    async with recorded_in(postgres_dsn, size=6) as found:
        yield found


@pytest.fixture
async def session(recorded: Recorded) -> AsyncIterator[asyncpg.Connection]:
    async with recorded.pool.acquire() as found:
        yield found


@pytest.fixture
def holds(session: asyncpg.Connection) -> Holds:
    return Holds(session)


async def begin(session: asyncpg.Connection, **columns: object) -> None:
    known = {"state": "active", "ends_at": NOW + 60 * SECOND} | columns
    await session.execute(
        "insert into session"
        " (id, space, agent, state, event_index, created_at, updated_at, ends_at)"
        " values ($1, 'default', 'a', $2, -1, $3, $3, $4)",
        SESSION,
        known["state"],
        NOW,
        known["ends_at"],
    )


async def test_a_hold_is_there_if_the_transaction_is_that_placed_it(
    session: asyncpg.Connection, holds: Holds
) -> None:
    """A hit and the hold that it leads to are there together or not at all."""
    transaction = session.transaction()
    await transaction.start()
    await holds.place("default", "a", FIRST, None, NOW)
    await transaction.rollback()
    assert (await holds.standing("default", "a")).holds == []
    async with session.transaction():
        await holds.place("default", "a", FIRST, None, NOW)
    assert (await holds.standing("default", "a")).holds == [Hold(FIRST)]
    assert (await holds.standing("other", "a")).holds == []


async def test_a_step_is_counted_from_what_is_recorded_and_ended_by_the_next_hold(
    recorded: Recorded, holds: Holds
) -> None:
    await recorded.add("a", event(), event())
    assert not await holds.step("default", "a", 3)
    await holds.place("default", "a", FIRST, None, NOW)
    assert await holds.step("default", "a", 3)
    await holds.step("default", "a", 1)
    standing = await holds.standing("default", "a")
    assert (standing.events, standing.holds) == (2, [Hold(FIRST, step_until=6)])
    await holds.place("default", "a", SECOND_BREAKPOINT, None, NOW + SECOND)
    standing = await holds.standing("default", "a")
    assert verdict(standing.holds, standing.events) == HeldBy((FIRST, SECOND_BREAKPOINT))
    await holds.step("default", "a", 1)
    await holds.place("default", "a", FIRST, None, NOW + 2 * SECOND)
    standing = await holds.standing("default", "a")
    assert Hold(FIRST) in standing.holds


async def test_steps_add_up_to_no_more_than_a_step_may_be(recorded: Recorded, holds: Holds) -> None:
    await recorded.add("a", event(), event())
    await holds.place("default", "a", FIRST, None, NOW)
    for _ in range(3):
        assert await holds.step("default", "a", MAX_STEP_EVENTS)
    standing = await holds.standing("default", "a")
    assert verdict(standing.holds, standing.events) == GoFor(MAX_STEP_EVENTS)


async def test_holds_are_over_after_their_time(holds: Holds) -> None:
    await holds.place("default", "a", FIRST, None, NOW)
    await holds.place("default", "a", SECOND_BREAKPOINT, None, NOW + SECOND)
    assert await holds.release_over(NOW + 9 * SECOND, NOW) == []
    (over,) = await holds.release_over(NOW + 9 * SECOND, NOW + SECOND)
    assert (over.held_by, over.too_long) == (FIRST, True)
    assert await holds.free_among([("default", "a")]) == []
    (over,) = await holds.release_over(NOW + 9 * SECOND, NOW + 2 * SECOND)
    assert await holds.free_among([("default", "a")]) == [("default", "a")]


@pytest.mark.parametrize(
    ("columns", "is_over"),
    [
        ({}, False),
        ({"state": "created"}, False),
        ({"state": "paused"}, False),
        ({"state": "completed"}, True),
        ({"state": "error"}, True),
        ({"ends_at": NOW - SECOND}, True),
        (None, True),
    ],
)
async def test_holds_are_over_with_their_session(
    session: asyncpg.Connection, holds: Holds, columns: dict[str, object] | None, is_over: bool
) -> None:
    if columns is not None:
        await begin(session, **columns)
    await holds.place("default", "a", FIRST, SESSION, NOW)
    await holds.place("default", "a", FIRST, None, NOW)
    over = await holds.release_over(NOW, NOW - SECOND)
    assert [hold.too_long for hold in over] == ([False] if is_over else [])
    assert len((await holds.standing("default", "a")).holds) == (1 if is_over else 2)


async def test_what_nobody_told_is_told_until_somebody_says_so(holds: Holds) -> None:
    await holds.place("default", "a", FIRST, None, NOW)
    assert await holds.untold(NOW) == []
    (hold,) = await holds.untold(NOW + SECOND)
    await holds.place("default", "a", FIRST, None, NOW + SECOND)
    await holds.told(hold)
    (again,) = await holds.untold(NOW + 2 * SECOND)
    await holds.told(again)
    assert await holds.untold(NOW + 2 * SECOND) == []


async def test_an_agent_waits_as_long_as_it_is_heard(holds: Holds) -> None:
    await holds.place("default", "a", FIRST, None, NOW)
    await holds.came("default", "a", NOW, waits=True)
    later = NOW + 5 * SECOND
    await holds.came("default", "a", later, waits=True)
    found = (await holds.of_agents("default", ["a", "b"]))["a"].gate
    assert found is not None
    assert found.waits_since(later) == NOW
    assert await holds.count(later) == (1, 1)
    # Gone for a while, and back: it has not waited all that time.
    back = later + HEARD_WITHIN + SECOND
    assert await holds.count(back) == (1, 0)
    await holds.came("default", "a", back, waits=True)
    found = (await holds.standing("default", "a")).gate
    assert found is not None
    assert found.waiting_since == back
    await holds.came("default", "a", back, waits=False)
    found = (await holds.standing("default", "a")).gate
    assert found is not None
    assert found.waiting_since is None
    assert (await holds.of_agents("default", ["b"]))["b"].gate is None


ASKED = {
    "standing": ("'default'", "'agent-7'"),
    "of_agents": ("'default'", "'{agent-7,agent-8}'"),
    "release": ("'default'", "'agent-7'"),
    "step": ("'default'", "'agent-7'", "3", "9"),
    "told": ("'default'", "'agent-7'", "'operator'", "null", "now()"),
}


async def test_gates_of_names_that_are_nowhere_are_bounded(
    session: asyncpg.Connection, recorded: Recorded, holds: Holds
) -> None:
    await session.execute(
        "insert into gate (space, agent, asked_at)"
        " select 'default', 'some-' || number, now() from generate_series(1, 999) as number"
    )
    await holds.came("default", "thousandth", NOW, waits=False)
    gates = "select array_agg(agent order by agent) from gate where agent !~ 'some'"
    for agent in ("nowhere", "held", "recorded"):
        if agent == "held":
            await holds.place("default", agent, "operator", None, NOW)
        if agent == "recorded":
            await recorded.add(agent, event())
        await holds.came("default", agent, NOW, waits=False)
    assert await session.fetchval(gates) == ["held", "recorded", "thousandth"]


async def test_an_agent_is_found_by_an_index(session: asyncpg.Connection) -> None:
    for statement in (
        "insert into agent (partition, space, name, next_event)"
        f" select 0, 'default', 'agent-' || n, 20 from generate_series(1, {MANY}) as n",
        "insert into hold (held_at, space, agent, held_by)"
        f" select now(), 'default', 'agent-' || n, 'operator' from generate_series(1, {MANY}) as n",
        "insert into gate (asked_at, space, agent)"
        f" select now(), 'default', 'agent-' || n from generate_series(1, {MANY}) as n",
        "analyze",
    ):
        await session.execute(statement)
    for query, arguments in ASKED.items():
        text = queries("holds")[query]
        for number in range(len(arguments), 0, -1):
            text = text.replace(f"${number}", f"({arguments[number - 1]})")
        plan = await session.fetchval(f"explain (format json) {text}")
        assert "Seq Scan" not in json.dumps(json.loads(plan)), query


async def test_holds_of_a_space_are_counted_without_sorting_all(
    holds: Holds, session: asyncpg.Connection
) -> None:
    """100,000 holds of one space took each navigator a second of each two to count."""
    add = (
        "insert into strato.hold (space, agent, held_by, held_at)"
        " select 'default', 'a' || number, 'operator', $2"
        " from generate_series(1, $1::int) as number"
    )
    await session.execute(add, 2 * MANY, NOW)
    await session.execute("analyze strato.hold")
    assert await holds.count(NOW) == (2 * MANY, 0)
    plan = await session.fetch(f"explain {queries('holds')['count']}", NOW)
    assert not [line for (line,) in plan if "Sort" in line]
    assert await holds.has_room("default", 2 * MANY + 1)
    assert not await holds.has_room("default", 2 * MANY)
    assert await holds.has_room("other", 1)
