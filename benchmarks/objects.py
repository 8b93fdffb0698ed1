"""What moving an object by the verbs takes: an upload and a download, client and navigator.

    python benchmarks/objects.py [--megabytes 64] [--rounds 3]

Starts a broker, a database and a navigator of its own. Prints, for the best of some rounds, MB/s
and the processor time a MB of the client's process and of the navigator.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Awaitable
from contextlib import ExitStack
from pathlib import Path, PurePath

import psutil
import uvloop
from processes import service
from servers import servers

from stratoscope.client import Navigator
from stratoscope.store.migration import migrate

MEGABYTE = 1_000_000


async def main() -> None:
    options = _options()
    data = os.urandom(options.megabytes * MEGABYTE)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url, dsn = stack.enter_context(servers(Path(folder)))
        await migrate(dsn)
        navigator = psutil.Process(stack.enter_context(service("navigator", url, dsn)).pid)
        async with Navigator.connect(url, timeout=60) as nav:
            for _ in range(options.rounds):
                put = nav.upload(PurePath("b"), io.BytesIO(data), len(data), lambda *_: None)
                name = await _timed("upload", navigator, options.megabytes, put)
                file = io.BytesIO()
                got = nav.download(name, file, lambda *_: None)
                await _timed("download", navigator, options.megabytes, got)
                assert file.getvalue() == data


async def _timed(what: str, navigator: psutil.Process, megabytes: int, work: Awaitable[str]) -> str:
    started, ours, theirs = time.perf_counter(), time.process_time(), _spent(navigator)
    result = await work
    seconds = time.perf_counter() - started
    print(
        f"{what:>8}: {megabytes / seconds:6.1f} MB/s,"
        f" client {(time.process_time() - ours) * 1e3 / megabytes:5.2f} ms/MB,"
        f" navigator {(_spent(navigator) - theirs) * 1e3 / megabytes:5.2f} ms/MB",
        flush=True,
    )
    return result


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
