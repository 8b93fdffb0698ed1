"""What a snapshot takes in Postgres, beside LangGraph's own checkpointer on the same states.

    python benchmarks/storage.py [--large 2048] [--small 8192] [--breakdown]

Starts a broker and a database of its own. Each workload is recorded as an agent records it, and
projected with the field index off and on; the same states are put through LangGraph's checkpointer
into another database of the same server. Bytes are those of all tables and indexes after VACUUM,
less what they take while they are empty. Leaves with 1 where a floor fails.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import uvloop
from floors import Floors
from peer import new_database, peer
from processes import last_seq, projected, service
from servers import servers
from states import CHAT_MESSAGES, LARGE_THINGS, SMALL_THINGS, State, chats, inventories

import stratoscope
from stratoscope.broker.connection import connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.store.migration import migrate

AGENT = "explorer"
LARGE_SHARE = 1 / 20
SMALL_SHARE = 1 / 8
CHAT_MEGABYTES = 3.0


@dataclass(frozen=True, slots=True)
class Workload:
    """States under a name."""

    name: str
    count: int
    states: Callable[[], Iterable[State]]


@dataclass(frozen=True, slots=True)
class Measured:
    """Bytes of all relations of a schema, and of each."""

    total: int
    relations: dict[str, int]


async def main() -> None:
    options = _options()
    workloads = (
        Workload("45 KB", options.large, lambda: inventories(options.large, LARGE_THINGS)),
        Workload("1.4 KB", options.small, lambda: inventories(options.small, SMALL_THINGS)),
        Workload("chat", CHAT_MESSAGES, chats),
    )
    floors = Floors()
    for workload in workloads:
        with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as (url, dsn):
            await _compared(workload, url, dsn, floors, breakdown=options.breakdown)
    floors.end()


async def _compared(
    workload: Workload, url: str, dsn: str, floors: Floors, *, breakdown: bool
) -> None:
    end = await _record(url, workload.states())
    bare, indexed = [
        await _projected(url, dsn, end, field_index=field_index) for field_index in (False, True)
    ]
    theirs = await _put(dsn, workload.states())
    count = workload.count
    print(
        f"{workload.name} x {count}: {bare.total / count:,.0f} B a snapshot,"
        f" {indexed.total / count:,.0f} B with the field index"
        f" ({1 - bare.total / indexed.total:.0%} of it the index);"
        f" LangGraph {theirs.total / count:,.0f} B: {theirs.total / bare.total:.1f} and"
        f" {theirs.total / indexed.total:.1f} times as much",
        flush=True,
    )
    if breakdown:
        for name, size in sorted(indexed.relations.items(), key=lambda one: -one[1]):
            print(f"      {name:32} {size / count:8.1f} B")
    if workload.name == "chat":
        megabytes = bare.total / 1e6
        floors.at_most("a chat of 1,000 snapshots", megabytes, CHAT_MEGABYTES, " MB")
    else:
        share = LARGE_SHARE if workload.name == "45 KB" else SMALL_SHARE
        floors.at_most(f"{workload.name}: share of LangGraph", bare.total / theirs.total, share)


async def _record(url: str, states: Iterable[State]) -> int:
    """Record snapshots as an agent does; the log's last message."""
    broker = await connect(url, name="benchmark")
    await ensure_streams(broker.jetstream, StreamSettings())
    async with stratoscope.connect(url, on_full="wait") as strato:
        agent = strato.agent(AGENT)
        for number, state in enumerate(states):
            await agent.snapshot(state)
            if number % 100 == 0:
                await agent.flush()
        await agent.flush()
    end = await last_seq(broker.jetstream)
    await broker.close()
    return end


async def _projected(url: str, dsn: str, end: int, *, field_index: bool) -> Measured:
    """Project the whole log into a database of its own."""
    own = await new_database(dsn, f"field_index_{field_index}".lower())
    schema = (await migrate(own)).serving
    empty = await _measure(own, schema)
    with service("projector", url, own, STRATO_FIELD_INDEX=str(field_index)) as process:
        await projected(own, end, process)
    return await _grown(own, schema, empty)


async def _put(dsn: str, states: Iterable[State]) -> Measured:
    async with peer(dsn) as checkpointer:
        empty = await _measure(checkpointer.dsn, "public")
        await checkpointer.put(states)
        return await _grown(checkpointer.dsn, "public", empty)


async def _grown(dsn: str, schema: str, empty: Measured) -> Measured:
    full = await _measure(dsn, schema)
    return Measured(
        full.total - empty.total,
        {name: size - empty.relations[name] for name, size in full.relations.items()},
    )


async def _measure(dsn: str, schema: str) -> Measured:
    session = await asyncpg.connect(dsn)
    try:
        await session.execute("vacuum analyze")
        rows = await session.fetch(
            "select relname, relkind = 'i' as part,"
            " case relkind when 'i' then pg_relation_size(c.oid) else pg_table_size(c.oid) end size"
            " from pg_class c where relnamespace = $1::regnamespace and relkind in ('r', 'i')",
            schema,
        )
    finally:
        await session.close()
    relations = {row["relname"]: row["size"] for row in rows}
    return Measured(sum(relations.values()), relations)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--large", type=int, default=2048, help="snapshots of 45 KB")
    parser.add_argument("--small", type=int, default=8192, help="snapshots of 1.4 KB")
    parser.add_argument("--breakdown", action="store_true", help="bytes of each table and index")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
