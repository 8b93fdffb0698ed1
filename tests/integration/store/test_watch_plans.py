"""No query of breakpoints, or of those who watch for them, reads a table from end to end."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
import pytest_asyncio

from stratoscope.store.database import pool
from stratoscope.store.migration import migrate
from stratoscope.store.pruning import EVER
from stratoscope.store.sql import queries
from support import stack

LARGE = {"breakpoint", "hit", "hit_count", "event", "state_version"}
ROWS = 20_000
NOW = datetime(2026, 11, 23, tzinfo=UTC)
SOME = UUID(int=7)

FILLED = (
    "insert into breakpoint (id, revision, armed_seq, created_at, is_enabled, space, agent,"
    " trigger, action, condition, session_id)"
    " select lpad(to_hex(n), 32, '0')::uuid, n, 0, now(), n % 100 = 0, 'default',"
    "  'agent-' || n % 200, 'edge', 'notify', '{}', lpad(to_hex(n % 300), 32, '0')::uuid"
    f" from generate_series(1, {ROWS}) as n",
    "insert into hit_count select lpad(to_hex(n), 32, '0')::uuid, 'agent-1', 1, 1"
    f" from generate_series(1, {ROWS}) as n",
    "insert into hit (stream_seq, ordinal, event_index, created_at, published_at, hit_id,"
    " breakpoint_id, partition, space, agent, action, body)"
    " select n, 0, n, now(), case when n % 1000 > 0 then now() end, lpad(to_hex(n), 32, '0')::uuid,"
    "  lpad(to_hex(n % 100), 32, '0')::uuid, n % 16, 'default', 'agent-1', 'notify', '{}'"
    f" from generate_series(1, {ROWS}) as n",
    "insert into agent (partition, space, name, next_event, next_version)"
    " select 0, 'default', 'agent-' || n, 1000, 1000 from generate_series(1, 20) as n",
    "insert into event_type (name) values ('tried')",
    "insert into event (event_index, stream_seq, clock, recorded_at, agent_id, type_id, ordinal,"
    " depth, id, data)"
    " select n / 20, n, now(), now(), n % 20 + 1, 1, 0, 1, lpad(to_hex(n), 32, '0')::uuid, '{}'"
    f" from generate_series(0, {ROWS - 1}) as n",
    "insert into state_version (version, event_index, stream_seq, clock, recorded_at, agent_id,"
    " size, ordinal, slot, digest, blob)"
    " select n / 20, n / 20, n, now(), now(), n % 20 + 1, 2, 0, n / 20 % 256, 'digest',"
    "  repeat('x', 100)::bytea"
    f" from generate_series(0, {ROWS - 1}) as n",
)
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "breakpoints.of_agents": (["default"], ["agent-7"], NOW),
    "breakpoints.get": ("default", SOME),
    "breakpoints.page": ("default", 2**62, 101),
    "breakpoints.page_of_agent": ("default", 2**62, 101, "agent-7"),
    "breakpoints.page_of_session": ("default", 2**62, 101, SOME, None),
    "breakpoints.armed": ("default", "agent-7", SOME, NOW),
    "breakpoints.watching": ("default", "agent-7", NOW),
    "breakpoints.of_session": ("default", SOME),
    "breakpoints.enable": ("default", SOME, 1, 1),
    "breakpoints.disable": ("default", SOME, 1, "why"),
    "breakpoints.remove": ("default", SOME, 1, NOW),
    "breakpoints.disable_of_session": ("default", SOME, 1, "why"),
    "watches.changed": (ROWS - 5,),
    "watches.sweep": (),
    "watches.strike": (SOME, "why"),
    "hits.matches": ([SOME], ["agent-1"]),
    "hits.unpublished": (1, 100, 1000),
    "filling.size": ([1, 2], [10, 20], [12, 22]),
    "hits.published": ([SOME], NOW),
    "pruning.prune": (3, EVER, NOW, 200),
    "filling.events": ([1, 2], [10, 20], [12, 22]),
    "filling.versions": ([1, 2], [10, 20], [12, 22]),
    "filling.clocks": ([1, 2], [10, 20], [12, 22]),
    "filling.frames": ([1, 2], [10, 20]),
    "filling.depths": ([1, 2], [10, 20]),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full(shared_postgres: stack.PostgresServer) -> AsyncIterator[asyncpg.Pool]:
    with stack.new_database(shared_postgres) as dsn:
        serving = (await migrate(dsn)).serving
        async with pool(dsn, serving, "test", size=1) as sessions:
            for statement in FILLED:
                await sessions.execute(statement)
            await sessions.execute("analyze")
            yield sessions


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("query", ARGUMENTS)
async def test_rows_are_found_by_an_index(full: asyncpg.Pool, query: str):
    file, _, name = query.partition(".")
    found = await full.fetchval(f"explain (format json) {queries(file)[name]}", *ARGUMENTS[query])
    scanned = [
        node["Relation Name"]
        for node in nodes(orjson.loads(found)[0]["Plan"])
        if node["Node Type"] == "Seq Scan"
    ]
    assert not LARGE.intersection(scanned)
