"""How fast a rebuild fills its projection, beside live intake of the same log in the same run.

    python benchmarks/rebuild.py [--events 100000] [--batch 1] [--causes] [--rounds 3]

Starts a broker and a database of its own. Each round publishes messages, lets a projector take them
in, then rebuilds beside it while it goes on idling, and prints both rates and their ratio. Either
clock runs from the projection's first checkpoint to its last. Ends with 1 where the
rebuild was slower in the middle one of the rounds.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import uvloop
from intake import Load, prepare, projector
from servers import servers

_COMMAND = (sys.executable, "-m", "stratoscope.cli.app", "rebuild", "-o", "json", "--grace", "0")
# Two runs of the same code differ by as much.
_NOISE = 0.05


async def paced(dsn: str, schema: str, load: Load, process: subprocess.Popen[bytes]) -> float:
    """Events a second between a projection's first checkpoint and its last."""
    database = await asyncpg.connect(dsn)
    try:
        first: tuple[float, int] | None = None
        while True:
            reached, now = await _checkpoint(database, schema), time.perf_counter()
            if first is None and reached:
                first = now, reached
            if reached >= load.messages and first is not None:
                return (load.messages - first[1]) * load.batch / (now - first[0])
            if process.poll() is not None:
                raise SystemExit("it ended: see what it said above")
            # Not more often: to ask costs the same two cores that are measured.
            await asyncio.sleep(0.01)
    finally:
        await database.close()


async def _checkpoint(database: asyncpg.Connection, schema: str) -> int:
    try:
        return int(await database.fetchval(f"select min(stream_seq) from {schema}.partition") or 0)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return 0


async def _settle(dsn: str) -> None:
    database = await asyncpg.connect(dsn)
    try:
        await database.execute("checkpoint")
    finally:
        await database.close()


def _rebuild(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(_COMMAND, env=environment, **quiet)


async def one_round(load: Load, folder: Path) -> float:
    """One round on new servers: live intake, then a rebuild; their ratio."""
    with servers(folder) as (url, dsn):
        await prepare(url, load)
        with projector(url, dsn) as process:
            live = await paced(dsn, "strato_p1", load, process)
            # What live intake left to be written is not the rebuild's to pay for.
            await _settle(dsn)
            names = {"STRATO_NATS_URL": url, "STRATO_POSTGRES_DSN": dsn}
            rebuilding = _rebuild(os.environ | names)
            rebuilt = await paced(dsn, "strato_p2", load, rebuilding)
            done = json.loads(rebuilding.communicate()[0])
    if not done["swapped"]:
        raise SystemExit(f"not swapped: {done['comparison']}")
    print(
        f"live {live:9,.0f}/s   rebuild {rebuilt:9,.0f}/s   ratio {rebuilt / live:.2f}"
        f"   {done['seconds']:.1f} s in all",
        flush=True,
    )
    return rebuilt / live


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--batch", type=int, default=1, help="events a message")
    parser.add_argument("--causes", action="store_true", help="each event names the one before")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    load = Load(options.events, options.agents, options.batch, options.causes)
    ratios = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            ratios.append(await one_round(load, Path(folder)))
    ratio = statistics.median(ratios)
    holds = ratio >= 1 - _NOISE
    print(f"{'ok' if holds else 'FAIL'}  rebuild beside live intake: {ratio:.2f} (floor: 1)")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
