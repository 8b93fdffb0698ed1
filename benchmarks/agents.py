"""What an agent that is new costs the projector and Postgres, beside an event of a known one.

    python benchmarks/agents.py [--agents 100000] [--known 50]

Starts a broker and a database of its own. One event of each of so many new agents is projected,
then as many events of a few known ones. Prints processor time an event, that of the projector and
that of all processes of the database. Leaves with 1 where the last tenth of the new agents costs
over twice of what the first one does: what an agent costs must not grow with their number.
"""

import argparse
import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import uvloop
from floors import Floors
from intake import projector
from servers import servers

from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope_contracts import subjects
from stratoscope_contracts.words import DEFAULT_SPACE, STREAM_RECORD

BODY = b'{"type":"seen"}'
TENTHS = 10
# Of the last tenth, beside the first.
GROWTH = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """What a process has used, with the children that it has waited for."""
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, words[11:15])) / _TICKS


def database_seconds(postmaster: int) -> float:
    """What a database server and its processes have used."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return sum(processor_seconds(pid) for pid in (postmaster, *map(int, children)))


def _postmaster(folder: Path) -> int:
    return int(next(folder.rglob("postmaster.pid")).read_text().split()[0])


async def publish(broker: Connection, agents: Sequence[str]) -> int:
    """Publish an event of each agent; the sequence of the last one."""
    for number, agent in enumerate(agents):
        await broker.client.publish(subjects.record(DEFAULT_SPACE, agent, "event"), BODY)
        if number % 100 == 0:
            await broker.client.flush()
    await broker.client.flush()
    last = await broker.jetstream.publish(
        subjects.record(DEFAULT_SPACE, agents[-1], "event"), BODY, stream=STREAM_RECORD
    )
    return int(last.seq)


async def cost(
    broker: Connection, database: asyncpg.Connection, pids: tuple[int, int], agents: Sequence[str]
) -> tuple[float, float, float]:
    """Processor time an event in microseconds, of projector and database; events a second."""
    program, postmaster = pids
    before = processor_seconds(program), database_seconds(postmaster)
    begun = time.perf_counter()
    last = await publish(broker, agents)
    while await database.fetchval("select min(stream_seq) from strato_p1.partition") < last:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    rate = len(agents) / (time.perf_counter() - begun)
    used = processor_seconds(program) - before[0], database_seconds(postmaster) - before[1]
    return used[0] * 1e6 / len(agents), used[1] * 1e6 / len(agents), rate


async def _ready(database: asyncpg.Connection, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if await database.fetchval("select count(*) from strato_p1.partition"):
                return
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            pass
        await asyncio.sleep(0.05)
    raise SystemExit("the projector ended: see what it said above")


async def main() -> None:
    options = _options()
    tenth = options.agents // TENTHS
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as (url, dsn):
        broker = await connect(url, name="benchmark")
        await ensure_streams(broker.jetstream, StreamSettings())
        database = await asyncpg.connect(dsn)
        postmaster = _postmaster(Path(folder))
        with projector(url, dsn) as process:
            await _ready(database, process)
            known = [f"known-{number % options.known}" for number in range(tenth)]
            names = ["warm-up", *(f"new {part + 1}/{TENTHS}" for part in range(TENTHS)), "known"]
            loads = [known, *([f"new-{part}-{n}" for n in range(tenth)] for part in range(TENTHS))]
            figures = []
            for name, agents in zip(names, [*loads, known], strict=True):
                figures.append(await cost(broker, database, (process.pid, postmaster), agents))
                projector_us, database_us, rate = figures[-1]
                print(
                    f"{name:9} projector {projector_us:6.1f} us   Postgres {database_us:6.1f} us"
                    f"   {rate:7,.0f} events/s",
                    flush=True,
                )
        await database.close()
        await broker.close()
    first, last = (sum(figures[part][:2]) for part in (1, TENTHS))
    floors = Floors()
    floors.at_least("the first tenth of new agents, twice, beside the last", GROWTH * first, last)
    floors.end()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--agents", type=int, default=100_000)
    parser.add_argument("--known", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
