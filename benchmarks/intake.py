"""How fast the projector takes in what was published beforehand, beside the machine's limit.

    python benchmarks/intake.py [--events 100000] [--agents 100] [--batch 1] [--causes]
        [--rounds 3]

Starts a broker and a database of its own. Each round publishes messages (of one event, or of a
batch of them, as the recorder sends), runs the bare loop of `limit.py` over as many single events
and then a projector process over the messages, and prints both rates and their ratio. With
`--causes` each round is followed by one in which every event names the one before it, and the two
are compared. The projector's clock runs from its first checkpoint to its last, its start not
counted. Leaves with 1 where a floor fails in the middle one of the rounds.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import orjson
import uvloop
from floors import Floors
from limit import event_body, measure, stored
from servers import servers

from stratoscope.broker.connection import connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope_contracts import subjects
from stratoscope_contracts.words import DEFAULT_SPACE, STREAM_RECORD

# Of the bare loop's rate, and of the rate without causes where every event has one.
OF_LIMIT = 0.5
OF_PLAIN = 0.7


@dataclass(frozen=True, slots=True)
class Load:
    """What is published: events, of how many agents, so many a message, with a cause or without."""

    events: int
    agents: int
    batch: int
    causes: bool

    @property
    def messages(self) -> int:
        return self.events // self.batch

    def bodies(self) -> Iterator[bytes]:
        """The bodies of all messages in order; each event names the one before, if they do."""
        before: str | None = None
        for _ in range(self.messages):
            records = []
            for _ in range(self.batch):
                record = orjson.loads(event_body())
                if self.causes and before:
                    record["causes"] = [before]
                before = record["id"]
                records.append(record)
            if self.batch == 1:
                yield orjson.dumps(records[0])
            else:
                yield orjson.dumps({"records": [{"kind": "event", **one} for one in records]})


async def prepare(url: str, load: Load) -> None:
    """Publish the messages of this round."""
    broker = await connect(url, name="benchmark")
    await ensure_streams(broker.jetstream, StreamSettings())
    kind: subjects.Kind = "event" if load.batch == 1 else "batch"
    for number, body in enumerate(load.bodies()):
        subject = subjects.record(DEFAULT_SPACE, f"agent-{number % load.agents}", kind)
        await broker.client.publish(subject, body)
        if number % 100 == 0:
            await broker.client.flush()
    await broker.client.flush()
    await stored(broker.client, STREAM_RECORD, load.messages)
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
            # Not more often: to ask costs the same two cores that are measured.
            await asyncio.sleep(0.01)
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


async def one_round(load: Load, folder: Path) -> tuple[float, float]:
    """One round on new servers: the limit, then the projector; events a second of both."""
    with servers(folder) as (url, dsn):
        limit = await measure(url, dsn, load.events)
        await prepare(url, load)
        with projector(url, dsn) as process:
            rate = await projected(dsn, load.messages, process) * load.batch
        size = await bytes_an_event(dsn, load.events)
    print(
        f"limit {limit:9,.0f}/s   projector {rate:9,.0f}/s   ratio {rate / limit:.2f}"
        f"   {size:.0f} B an event{', with a cause' if load.causes else ''}",
        flush=True,
    )
    return limit, rate


async def main() -> None:
    options = _options()
    load = Load(options.events, options.agents, options.batch, causes=False)
    of_limit, of_plain = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            limit, rate = await one_round(load, Path(folder))
        of_limit.append(rate / limit)
        if options.causes:
            with tempfile.TemporaryDirectory() as folder:
                _, caused = await one_round(replace(load, causes=True), Path(folder))
            of_plain.append(caused / rate)
    floors = Floors()
    floors.at_least("intake beside the limit", statistics.median(of_limit), OF_LIMIT)
    if of_plain:
        floors.at_least("with causes, beside none", statistics.median(of_plain), OF_PLAIN)
    floors.end()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--batch", type=int, default=1, help="events a message")
    parser.add_argument("--causes", action="store_true", help="and rounds with causes")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
