"""What it costs to verify a projection, by itself and against its log.

    python benchmarks/verifying.py [--events 100000] [--agents 100] [--batch 10]

Starts a broker and a database of its own, records and projects that many events, and runs
`stratoscope verify` twice. Prints events a second of the wall clock, start of the process included,
and the most memory that the process had.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from intake import Load, prepare, projector
from rebuild import paced
from servers import servers

_COMMAND = (sys.executable, "-m", "stratoscope.cli.app", "verify", "-o", "json")


def verify(environment: dict[str, str], load: Load, name: str, *options: str) -> None:
    """Verify, and print what it took."""
    began = time.perf_counter()
    process = subprocess.Popen([*_COMMAND, *options], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"verify ended with {process.returncode}")
    processor = used.ru_utime + used.ru_stime
    print(
        f"{name:20} {load.messages * load.batch / seconds:9,.0f} events/s   {seconds:6.1f} s"
        f"   processor {processor:6.1f} s   memory {used.ru_maxrss / 1024:5.0f} MiB",
        flush=True,
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--batch", type=int, default=10, help="events a message")
    options = parser.parse_args()
    load = Load(options.events, options.agents, options.batch, False)
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as (url, dsn):
        await prepare(url, load)
        with projector(url, dsn) as process:
            await paced(dsn, "strato_p1", load, process)
        environment = os.environ | {"STRATO_NATS_URL": url, "STRATO_POSTGRES_DSN": dsn}
        await asyncio.to_thread(verify, environment, load, "by itself", "--no-log")
        await asyncio.to_thread(verify, environment, load, "against the log")


if __name__ == "__main__":
    uvloop.run(main())
