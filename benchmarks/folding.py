"""How fast patches are folded: states of 45 KB, one small patch an event, one busy agent.

    python benchmarks/folding.py [--events 10000] [--rounds 3]

Starts a broker and a database of its own. Each round records an agent's first state and its
patches beforehand, as messages of one event and as batches, and lets a projector take them in,
with the field index off and on. The clock runs from when it holds the partitions to the last
commit. Leaves with 1 where the best round of any sort is below the floor.
"""

import argparse
import asyncio
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import uvloop
from floors import Floors
from peer import new_database
from processes import service
from servers import servers
from states import LARGE_THINGS, inventories
from timelines import Record, event, new_id, publish

from stratoscope.broker.connection import connect
from stratoscope.store.migration import migrate

EVENTS_A_SECOND = 2_000


async def main() -> None:
    options = _options()
    best: dict[str, float] = {}
    for _ in range(options.rounds):
        for batch in (1, 100):
            with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as (url, dsn):
                await _record(url, options.events, batch)
                for field_index in (False, True):
                    rate = await _rate(url, dsn, options.events, field_index=field_index)
                    name = f"{batch:3} a message, field index {'on' if field_index else 'off'}"
                    best[name] = max(best.get(name, 0), rate)
                    print(f"{name}: {rate:8,.0f} events/s", flush=True)
    floors = Floors()
    for name, rate in best.items():
        floors.at_least(f"folding, {name}", rate, EVENTS_A_SECOND, "/s")
    floors.end()


async def _record(url: str, events: int, batch: int) -> None:
    broker = await connect(url, name="benchmark")
    state = next(inventories(1, LARGE_THINGS))
    first = {"kind": "snapshot", "id": new_id(), "state": state}
    await publish(broker, "explorer", [first])
    await publish(broker, "explorer", _patches(events), batch)
    await broker.close()


def _patches(events: int) -> Iterator[Record]:
    chance = random.Random(7)
    for number in range(events):
        thing, quantity = chance.randrange(LARGE_THINGS), chance.randrange(1_000)
        path = f"/items/{thing}/quantity"
        yield event(number) | {"patch": [{"op": "replace", "path": path, "value": quantity}]}


async def _rate(url: str, dsn: str, events: int, *, field_index: bool) -> float:
    own = await new_database(dsn, f"field_index_{field_index}".lower())
    schema = (await migrate(own)).serving
    held = f"select bool_and(owner is not null) from {schema}.partition"
    folded = f"select coalesce(sum(next_event), 0) >= {events} from {schema}.agent"
    database = await asyncpg.connect(own)
    settings = {"STRATO_FIELD_INDEX": str(field_index)}
    try:
        with service("projector", url, own, ready=False, **settings) as process:
            await _until(database, held, process)
            started = time.perf_counter()
            await _until(database, folded, process)
            return events / (time.perf_counter() - started)
    finally:
        await database.close()


async def _until(
    database: asyncpg.Connection, question: str, process: subprocess.Popen[bytes]
) -> None:
    while not await database.fetchval(question):
        if process.poll() is not None:
            raise SystemExit("the projector ended: see what it said above")
        await asyncio.sleep(0.005)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
