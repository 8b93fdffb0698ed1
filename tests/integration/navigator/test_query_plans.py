"""No query that looks reads a table of records from end to end."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from stratoscope.store.sql import queries
from support import stack
from support.recorded import Recorded, event, recorded_in, snapshot

RECORDS = {"event", "state_version", "edge", "field_change", "event_block"}
AGENTS = 20
EVENTS = 1_000
PATCH = [{"op": "add", "path": "/n", "value": 1}]

ALL = "{{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}}"

# As many as agents with a million events each have.
BLOCKS = f"""
    insert into event_block (agent_id, block, is_closed, low, high, marks)
    select agent_id, block, true, 1, 4, 30
    from generate_series(1, {AGENTS}) as agent_id, generate_series(0, 999) as block
"""

# Arguments by query; {agent}, {event} and {snapshot} are filled with what was recorded.
ARGUMENTS: dict[str, tuple[str | None, ...]] = {
    "looking.timeline": ("default", "agent-7"),
    "looking.agents": ("default", "agent", None, "100"),
    "looking.seek_event": ("{agent}", "1000", "2026-11-23 08:10:00Z", *(None,) * 4),
    "looking.seek_version": ("{agent}", "300", None, None, "500", "2", None),
    "looking.index_of_event": ("{agent}", "{event}"),
    "looking.version_of_snapshot": ("{agent}", "{snapshot}"),
    "looking.standings": ("{{{agent},{agent}}}", "{{500,700}}", "{{100,-1}}", "{{9,null}}"),
    "looking.chain": ("{agent}", "{{0,64,96}}"),
    "looking.events": ("{{{agent},{agent}}}", "{{5,900}}"),
    "looking.events_size": ("{{{agent},{agent}}}", "{{5,900}}"),
    "looking.events_forward": ("{agent}", "100", "900", "101"),
    "looking.events_backward": ("{agent}", "100", "900", "101"),
    "looking.events_of_types_forward": ("{agent}", "100", "900", "101", "{{memory_update}}"),
    "looking.events_of_types_backward": ("{agent}", "100", "900", "101", "{{memory_update}}"),
    "looking.place_of_event": ("default", "{event}", None),
    "looking.place_of_snapshot": ("default", "{snapshot}"),
    "looking.open_depth": ("default", "agent-7", "900"),
    "looking.snapshots": ("{agent}", "100", "300", "101"),
    "looking.stats": ("default",),
    "looking.has_dropped": ("default",),
    "looking.dead_letters": ("default",),
    "looking.watermarks": (),
    "looking.spaces": ("100",),
    "seeks.seek_events": ("{{{agent},{agent}}}", "{{1000,1000}}", None, None, "{{5,9}}", "{{1,1}}"),
    "seeks.seek_versions": ("{{{agent}}}", "{{300}}", "2026-11-23 08:10:00Z", None, None, None),
    "seeks.named_timelines": ("default", "{{agent-7,agent-8}}"),
    "seeks.newest_of": ("{{{agent},{agent}}}", "{{5,900}}", "{{3,-1}}"),
    "seeks.horizon": (),
    "seeks.chains": ("{{0,0}}", "{{{agent},{agent}}}", "{{0,64}}"),
    "fields.candidates_forward": ("{agent}", "n", '{{""}}', "-1", "200", "-1", "100"),
    "fields.candidates_backward": ("{agent}", "n", '{{""}}', "-1", "200", "99", "100"),
    "fields.versions": ("{agent}", "{{0,64,96}}"),
    "fields.blobs": ("{agent}", "{{0,64,96}}"),
    "fields.written": ("{agent}", "100"),
    "runs.said": ("{agent}", "100", "999", "500", "100000"),
    "runs.states": ("{agent}", "10", "300", "100"),
    # These go through all agents, and from each straight to its records.
    "retention.due": (ALL, "9000", "9000", "2026-11-23 08:10:00Z"),
    "bases.due": (ALL, "2026-11-23 08:10:00Z", "5", "STRATO_RECORD"),
    "causes.located": ("default", "{{{event}}}"),
    "causes.blocks": ("{{{agent}}}", "{{100}}", "{{200}}", "{{{event}}}"),
    "causes.whole_blocks": ("{{{agent}}}", "{{100}}", "{{200}}", "{{{event}}}"),
    "graphs.placed": ("default", "{event}"),
    "graphs.effects_within": ("default", "{event}", "1000"),
    "graphs.effects_page": ("default", "{event}", "0", "-1", "100"),
    "graphs.recorded": ("default", "{{{event}}}"),
    "graphs.stretch_start": ("{agent}", "100", "900", "50"),
    "graphs.oldest_led_back": ("default", "1000"),
    "graphs.foreign_causes": ("default", "{agent}", "100", "150", "0", "0"),
    "jumps.of_types_forward": ("{agent}", "{{memory_update}}", "100", "900", "16"),
    "jumps.of_types_backward": ("{agent}", "{{memory_update}}", "100", "900", "16"),
    "jumps.of_depth": ("{agent}", "{{0,1}}", "100", "900", "7"),
    "jumps.path_numbers": ("{agent}", "{{n,inventory}}", "{{}}"),
    "jumps.touching_forward": ("{agent}", "{{0,1}}", "10", "200", "64"),
    "jumps.touching_backward": ("{agent}", "{{0,1}}", "10", "200", "64"),
    "jumps.touched": ("{agent}", "{{0,1}}", "10", "20"),
    "jumps.versions_forward": ("{agent}", "10", "200", "64"),
    "jumps.versions_backward": ("{agent}", "10", "200", "64"),
    "jumps.last_versions": ("{agent}", "{{5,700}}", "300"),
    "jumps.version_stretch": ("{agent}", "10", "40"),
    "jumps.version_list": ("{agent}", "{{10,40}}"),
    "jumps.event_stretch": ("{agent}", "100", "115", "-1", "true", "false", "2000000"),
    "jumps.event_list": ("{agent}", "{{5,500}}", "1", "true", "true", "2000000"),
    "jumps.event_documents": (
        *("{agent}", "{{5,500}}", "1", "{{7,9}}"),
        *("true", "true", "true", "true", "2000000"),
    ),
    "jumps.event_documents_between": (
        *("{agent}", "100", "1", "{{}}"),
        *("true", "false", "true", "false", "2000000", "200"),
    ),
    "jumps.event_clocks": ("{agent}", "{{5,500}}"),
    "jumps.place_of_event": ("{agent}", "500"),
    "jumps.place_of_version": ("{agent}", "30"),
    "exchange.events": ("{agent}", "100", "200", "4000000"),
    "exchange.snapshots": ("{agent}", "100", "300", "32"),
    "exchange.version": ("{agent}", "100"),
    "exchange.place_of_event": ("{agent}", "100"),
    "exchange.frames": ("{agent}", "{{0,64,96}}"),
    "blocks.close": ("{{{agent},{agent}}}", "{{0,1}}"),
    "blocks.candidates_forward": ("{agent}", "0", "999", "7", "16"),
    "blocks.candidates_backward": ("{agent}", "0", "999", "7", "16"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full(shared_postgres: stack.PostgresServer) -> AsyncIterator[Recorded]:
    with stack.new_database(shared_postgres) as dsn:
        async with recorded_in(dsn, size=2) as recorded:
            for n in range(AGENTS):
                await recorded.add(f"agent-{n}", *_records(n))
            await recorded.pool.execute(BLOCKS)
            await recorded.pool.execute("vacuum analyze")
            yield recorded


def _records(agent: int) -> Iterator[dict[str, Any]]:
    last = None
    for n in range(EVENTS):
        found = event("memory_update" if n % 10 else "state_change", at=n, data={"agent": agent})
        if last is not None:
            found["causes"] = [last]
        last = found["id"]
        if n % 4 == 0:
            found["patch"] = PATCH
        yield found
        if n % 50 == 0:
            yield snapshot({"n": n})


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def test_every_query_is_held_to_this():
    asked = {
        f"{file}.{name}"
        for file in ("looking", "causes", "seeks", "fields", "runs", "jumps", "blocks", "graphs")
        for name in queries(file)
    }
    assert asked <= ARGUMENTS.keys()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_plan_is_made_for_the_table_as_it_is(full: Recorded):
    assert await full.pool.fetchval("show plan_cache_mode") == "force_custom_plan"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("query", ARGUMENTS)
async def test_records_are_found_by_an_index(full: Recorded, query: str, mode: str):
    file, name = query.split(".")
    async with full.pool.acquire() as session:
        known = await session.fetchrow(
            "select agent_id, id as event_id, (select snapshot_id from state_version"
            " where snapshot_id is not null limit 1) as snapshot_id from event limit 1"
        )
        filled = [
            None
            if given is None
            else given.format(agent=known[0], event=known[1], snapshot=known[2])
            for given in ARGUMENTS[query]
        ]
        literals = ", ".join("null" if one is None else f"'{one}'" for one in filled)
        await session.execute(f"set plan_cache_mode = {mode}")
        await session.execute(f"prepare looked as {queries(file)[name]}")
        call = f"execute looked({literals})" if literals else "execute looked"
        plan = orjson.loads(await session.fetchval(f"explain (format json) {call}"))
        await session.execute("deallocate looked")
    scanned = {
        node["Relation Name"] for node in nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"
    }
    assert not scanned & RECORDS
