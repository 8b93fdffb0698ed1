"""How fast the projector takes in what was published beforehand, beside the machine's limit.

    python benchmarks/intake.py [--events 100000] [--agents 100] [--causes] [--rounds 3]

Starts a broker and a database of its own. Each round publishes single-event messages, runs the
bare loop of `limit.py` and then a projector process over them, and prints both and their ratio.
The projector's clock runs from its first checkpoint to its last, its start not counted.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import orjson
import uvloop
from limit import event_body, measure, stored
from servers import servers

from stratoscope.broker.connection import connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope_contracts import subjects
from stratoscope_contracts.words import DEFAULT_SPACE, STREAM_RECORD


async def prepare(url: str, events: int, agents: int, *, causes: bool) -> None:
    """Publish the events of this round."""
    broker = await connect(url, name="benchmark")
    await ensure_streams(broker.jetstream, StreamSettings())
    before: str | None = None
    for number in range(events):
        body = orjson.loads(event_body())
        if causes and before:
            body["causes"] = [before]
        before = body["id"]
        subject = subjects.record(DEFAULT_SPACE, f"agent-{number % agents}", "event")
        await broker.client.publish(subject, orjson.dumps(body))
        if number % 1000 == 0:
            await broker.client.flush()
    await broker.client.flush()
    await stored(broker.client, STREAM_RECORD, events)
    await broker.close()


@contextmanager
def projector(url: str, dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    """A projector process, stopped at the end."""
    environment = os.environ | {
        "STRATO_NATS_URL": url,
        "STRATO_POSTGRES_DSN": dsn,
        "STRATO_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen([sys.executable, "-m", "stratoscope.projector"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def projected(dsn: str, events: int, process: subprocess.Popen[bytes]) -> float:
    """Events a second between the first checkpoint and the last."""
    database = await asyncpg.connect(dsn)
    try:
        first: tuple[float, int] | None = None
        while True:
            reached = await _checkpoint(database)
            now = time.perf_counter()
            if first is None and reached:
                first = now, reached
            if reached >= events and first is not None:
                return (events - first[1]) / (now - first[0])
            if process.poll() is not None:
                raise SystemExit("the projector ended: see what it said above")
            await asyncio.sleep(0.002)
    finally:
        await database.close()


async def _checkpoint(database: asyncpg.Connection) -> int:
    try:
        return int(await database.fetchval("select min(stream_seq) from strato_p1.partition") or 0)
    except asyncpg.UndefinedTableError:
        return 0
    except asyncpg.InvalidSchemaNameError:
        return 0


async def bytes_an_event(dsn: str, events: int) -> float:
    """What an event takes in the database, tables and indexes."""
    database = await asyncpg.connect(dsn)
    try:
        size = await database.fetchval(
            "select sum(pg_total_relation_size(c.oid)) from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = 'strato_p1' and c.relkind = 'r'"
        )
        return float(size) / events
    finally:
        await database.close()


async def one_round(options: argparse.Namespace, folder: Path) -> float:
    """One round on new servers: the limit, then the projector; their ratio."""
    with servers(folder) as (url, dsn):
        limit = await measure(url, dsn, options.events)
        await prepare(url, options.events, options.agents, causes=options.causes)
        with projector(url, dsn) as process:
            rate = await projected(dsn, options.events, process)
        size = await bytes_an_event(dsn, options.events)
    print(
        f"limit {limit:9,.0f}/s   projector {rate:9,.0f}/s   ratio {rate / limit:.2f}"
        f"   {size:.0f} B an event",
        flush=True,
    )
    return rate / limit


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--causes", action="store_true", help="each event names the one before")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            await one_round(options, Path(folder))


if __name__ == "__main__":
    uvloop.run(main())
