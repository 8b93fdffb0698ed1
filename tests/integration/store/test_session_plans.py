"""No query of a session reads a table of records, or the sessions, from end to end."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
import pytest_asyncio

from stratoscope.store.database import pool
from stratoscope.store.migration import migrate
from stratoscope.store.sql import queries
from support import stack

BIG = {"event", "state_version", "session", "session_place", "session_mark", "session_value"}
EVENTS, SESSIONS = 50_000, 20_000

FILLED = (
    "insert into agent (partition, space, name, next_event, next_version)"
    f" select 0, 'default', 'agent-' || n, {EVENTS}, {EVENTS} from generate_series(1, 20) as n",
    "insert into event_type (name) values ('tried')",
    "insert into event (event_index, stream_seq, clock, recorded_at, agent_id, type_id, ordinal,"
    " depth, id, data)"
    " select n, n, now(), now(), 1, 1, 0, 1, lpad(to_hex(n), 32, '0')::uuid, '{}'"
    f" from generate_series(0, {EVENTS - 1}) as n",
    "insert into state_version (version, event_index, stream_seq, clock, recorded_at, agent_id,"
    " size, ordinal, slot, snapshot_id, digest, blob)"
    " select n, n, n, now(), now(), 1, 2, 0, n % 256, lpad(to_hex(n), 32, '0')::uuid, 'digest', ''"
    f" from generate_series(0, {EVENTS - 1}) as n",
    "insert into session (id, space, agent, state, event_index, created_at, updated_at, ends_at)"
    " select lpad(to_hex(n), 32, '0')::uuid, 'default', 'agent-' || n % 2000 + 1, 'active', 0,"
    f" now(), now(), now() + interval '1 day' from generate_series(0, {SESSIONS - 1}) as n",
    "insert into session_place (session_id, slot, event_index)"
    " select id, slot, 0 from session, generate_series(0, 2) as slot",
    "insert into session_mark (session_id, name, event_index, created_at)"
    " select id, 'here', 0, now() from session",
    "insert into session_value (session_id, key, value) select id, 'k', '1' from session",
)
ID, OTHER, SPACE, NOW = UUID(int=7), UUID(int=99_999), "default", "2026-11-23 08:00:00Z"
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "sessions.get": (SPACE, ID),
    "sessions.lock": (SPACE, ID),
    "sessions.page": (SPACE, UUID(int=900), None, NOW, 100),
    "sessions.page_of_agent": (SPACE, UUID(int=900), "active", NOW, 100, "agent-7"),
    "sessions.enter": (ID, "paused", NOW),
    "sessions.describe": (ID, "n", "d", ["t"], NOW),
    "sessions.touch": (ID, NOW),
    "sessions.remove": (ID,),
    "sessions.move": (
        *(1, 7, 8, -1, EVENTS, None, None, None, None, 7),
        *(ID, 1, NOW, None, 0, 1, 1, 1),
    ),
    "sessions.remember": (OTHER, [0], [0], [None], [None], [None]),
    "sessions.places": (ID, [0, 2]),
    "sessions.tally": (SPACE, "agent-7", ID),
    "reaching.reach": (1, -1, EVENTS, -1, EVENTS, NOW, None, 9, 0, None, 9),
    "reaching.next_snapshot": (1, EVENTS, 9, 0),
    "reaching.previous_snapshot": (1, EVENTS, 9, 0),
    "keepsakes.put_mark": (ID, "m", None, 0, None, None, None, NOW),
    "keepsakes.marks": (ID,),
    "keepsakes.mark": (ID, "here"),
    "keepsakes.forget_mark": (ID, "here"),
    "keepsakes.has_room_for_mark": (ID, "here", 10),
    "keepsakes.put_value": (ID, "k", "1"),
    "keepsakes.value": (ID, "k"),
    "keepsakes.values": (ID,),
    "keepsakes.has_room_for_value": (ID, "k", 10),
    "retention.held": (SPACE, "agent-7", NOW),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["analysed", "never analysed"])
async def full(
    request: pytest.FixtureRequest, shared_postgres: stack.PostgresServer
) -> AsyncIterator[asyncpg.Pool]:
    with stack.new_database(shared_postgres) as dsn:
        serving = (await migrate(dsn)).serving
        async with pool(dsn, serving, "test", size=2, looking=True) as sessions:
            for table in sorted(BIG):
                await sessions.execute(f"alter table {table} set (autovacuum_enabled = false)")
            for statement in FILLED:
                await sessions.execute(statement)
            if request.param == "analysed":
                await sessions.execute("analyze")
            yield sessions


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def literal(value: Any) -> str:
    match value:
        case None:
            return "null"
        case int():
            return str(value)
        case list():
            return "'{" + ",".join("null" if one is None else str(one) for one in value) + "}'"
        case _:
            return f"'{value}'"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("query", ARGUMENTS)
async def test_sessions_and_records_are_found_by_an_index(full: asyncpg.Pool, query: str) -> None:
    """With the settings of the navigator's sessions, whose plans are kept for any argument."""
    file, name = query.split(".")
    async with full.acquire() as session:
        await session.execute(f"prepare looked as {queries(file)[name]}")
        given = ", ".join(map(literal, ARGUMENTS[query]))
        found = await session.fetchval(f"explain (format json) execute looked({given})")
        await session.execute("deallocate looked")
    scanned = {
        node["Relation Name"]
        for node in nodes(orjson.loads(found)[0]["Plan"])
        if node["Node Type"] == "Seq Scan"
    }
    assert not scanned & BIG


def test_every_query_is_held_to_this_but_those_that_are_for_all_sessions() -> None:
    asked = {
        f"{file}.{name}" for file in ("sessions", "reaching", "keepsakes") for name in queries(file)
    }
    assert asked - {"sessions.create", "sessions.count", "sessions.states"} == ARGUMENTS.keys() - {
        "retention.held"
    }
