"""No query of intake, nor of what is kept and dropped, reads a table of records from end to end."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
import pytest_asyncio

from stratoscope.domain.records import Batch, Head
from stratoscope.store.database import pool
from stratoscope.store.intake import AlreadyTaken, IntakeWriter, Progress
from stratoscope.store.migration import migrate
from stratoscope.store.past import Ids
from stratoscope.store.sql import queries
from support import stack

RECORDS = {"event", "state_version", "agent", "edge", "path", "field_change"}
AGENTS, EVENTS = 20_000, 60_000

# Rows straight into the tables: what counts here is how many there are.
FILLED = (
    "insert into agent (partition, space, name, next_event)"
    f" select 0, 'default', 'agent-' || n, 20 from generate_series(1, {AGENTS}) as n",
    "insert into event_type (name) values ('tried')",
    "insert into event (event_index, stream_seq, clock, recorded_at, agent_id, type_id, ordinal,"
    " depth, id, data)"
    f" select n / {AGENTS}, n, now(), now(), n % {AGENTS} + 1, 1, 0,"
    "  case when n % 1000 = 0 then null else 1 end, lpad(to_hex(n), 32, '0')::uuid, '{}'"
    f" from generate_series(0, {EVENTS - 1}) as n",
    "insert into state_version (version, event_index, stream_seq, clock, recorded_at, agent_id,"
    " size, ordinal, slot, snapshot_id, digest, blob)"
    f" select n / {AGENTS}, 0, n, now(), now(), n % {AGENTS} + 1, 2, 0, n / {AGENTS},"
    "  lpad(to_hex(n), 32, '0')::uuid, 'digest', repeat('x', 100)::bytea"
    f" from generate_series(0, {EVENTS - 1}) as n",
    f"insert into path select n, 0, 'health' from generate_series(1, {AGENTS}) as n",
    f"update partition set stream_seq = {EVENTS}",
)
ids = [UUID(int=n) for n in range(0, EVENTS, EVENTS // 100)]
numbers = list(range(1, 101))
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "heads": (["default"] * 100, [f"agent-{n}" for n in numbers]),
    "chain": (7, [0, 2]),
    "span": (7, 0, 3),
    "paths": (7,),
    "known": (ids, numbers, ids),
    "unresolved": (1000,),
    "resolve": (numbers, [3] * 100, [2] * 100),
}

# These go through all agents, and from each straight to its records.
NOW, SPAN = datetime(2026, 11, 23, tzinfo=UTC), (0, 2)
KEEPING: dict[str, tuple[Any, ...]] = {
    "retention.due": ([0], 10, 10, NOW),
    "retention.snapshot_behind": (7, 0, 1),
    "retention.start_of": (7, 2),
    "retention.start_behind": (7, 0),
    "retention.losses": (7, *SPAN, *SPAN),
    "retention.move_horizon": (7, 1, 1, 1, 0, 0, 0, 0, 0),
    "retention.forget_taints": (7, 1, 1),
    "retention.sweep_events": (7, *SPAN),
    "retention.sweep_versions": (7, *SPAN),
    "retention.sweep_changes": (7, *SPAN),
    "bases.first_message": (7,),
    "bases.keep": (7, 1, 1, 1, 10, NOW, b"", "STRATO_RECORD"),
}
BY_KEY = "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off"
NEW = Ids([UUID(int=n) for n in range(EVENTS, EVENTS + 100)])
SWEEPING = "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["analysed", "never analysed"])
async def full(
    request: pytest.FixtureRequest, shared_postgres: stack.PostgresServer
) -> AsyncIterator[asyncpg.Pool]:
    with stack.new_database(shared_postgres) as dsn:
        serving = (await migrate(dsn)).serving
        async with pool(dsn, serving, "test", size=2) as sessions:
            for table in sorted(RECORDS):
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


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("query", ARGUMENTS)
async def test_records_are_found_by_an_index(full: asyncpg.Pool, query: str):
    """With the settings of every session of ours, and arguments of a batch of a hundred."""
    async with full.acquire() as session:
        scanned = await scans(session, queries("intake")[query], *ARGUMENTS[query])
    assert not RECORDS & scanned


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("query", KEEPING)
async def test_what_is_kept_and_dropped_is_found_by_an_index(full: asyncpg.Pool, query: str):
    file, name = query.split(".")
    async with full.acquire() as session:
        if name.startswith("sweep_"):
            await session.execute(SWEEPING)
        scanned = await scans(session, queries(file)[name], *KEEPING[query])
    assert not (RECORDS - {"agent"}) & scanned


async def scans(session: asyncpg.Connection, query: str, *arguments: Any) -> set[str]:
    """The tables that a query reads from end to end."""
    plan = orjson.loads(await session.fetchval(f"explain (format json) {query}", *arguments))
    return {
        node["Relation Name"] for node in nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"
    }


@pytest.mark.asyncio(loop_scope="module")
async def test_every_query_that_reads_records_is_held_to_this():
    reads = {
        name
        for name, text in queries("intake").items()
        if any(
            f"{word} {table}\n" in f"{text}\n" or f"{word} {table} " in text
            for word in ("from", "join", "update")
            for table in RECORDS
        )
    }
    assert reads == ARGUMENTS.keys()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_batch_is_written_by_keys_alone(full: asyncpg.Pool):
    """What the database's function asks is planned once, whatever the tables were like then."""
    taken = Ids(ids, [(number, UUID(int=number)) for number in numbers])
    heads = {("default", f"agent-{n}"): Head(n, 21) for n in numbers}
    async with full.acquire() as session, rolled_back(session):
        await session.execute(BY_KEY)
        with pytest.raises(AlreadyTaken):
            async with session.transaction():
                await IntakeWriter(session).commit(Batch(), (), (), Progress(0), taken)
        await IntakeWriter(session).commit(Batch(heads=heads), (), (), Progress(0), NEW)
        assert await session.fetchval("select count(*) from agent where next_event = 21") == 100
        scans = "select pg_stat_get_xact_numscans($1::regclass)"
        found = {table: await session.fetchval(scans, table) for table in RECORDS - {"agent"}}
        # The one is our own look.
        assert await session.fetchval(scans, "agent") == 1
    assert not any(found.values()), found


@asynccontextmanager
async def rolled_back(session: asyncpg.Connection) -> AsyncIterator[None]:
    """Nothing of what is done meanwhile stays."""
    transaction = session.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_queries_that_are_explained_find_something(full: asyncpg.Pool):
    for query in ARGUMENTS.keys() - {"resolve"}:
        assert await full.fetch(queries("intake")[query], *ARGUMENTS[query]), query
