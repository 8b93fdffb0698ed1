"""Our services as processes of their own, as an operator runs them, and how far they are."""

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import asyncpg
from nats.js import JetStreamContext

from stratoscope.embedded.ports import LOOPBACK, free_port
from stratoscope_contracts.words import STREAM_RECORD

_READY_SECONDS = 20.0


@contextmanager
def service(
    name: str, url: str, dsn: str, *, ready: bool = True, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m stratoscope.<name>`, with `STRATO_…` settings; stopped at the end.

    Unless told otherwise it is waited for until it is ready.
    """
    port = free_port()
    environment = {
        "STRATO_NATS_URL": url,
        "STRATO_POSTGRES_DSN": dsn,
        "STRATO_HTTP_PORT": str(port),
        "STRATO_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", f"stratoscope.{name}"], env=os.environ | environment | settings
    )
    try:
        if ready:
            _await_ready(process, f"http://{LOOPBACK}:{port}/readyz")
        yield process
    finally:
        process.terminate()
        process.wait()


async def projected(dsn: str, stream_seq: int, process: subprocess.Popen[bytes]) -> None:
    """Return once all partitions have passed a message."""
    database = await asyncpg.connect(dsn)
    try:
        while await checkpoint(database) < stream_seq:
            if process.poll() is not None:
                raise SystemExit("the projector ended: see what it said above")
            await asyncio.sleep(0.02)
    finally:
        await database.close()


async def checkpoint(database: asyncpg.Connection) -> int:
    """The message that every partition has passed; 0 before there is a projection."""
    try:
        return int(await database.fetchval("select min(stream_seq) from strato_p1.partition") or 0)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return 0


async def last_seq(jetstream: JetStreamContext) -> int:
    """The log's last message."""
    return int((await jetstream.stream_info(STREAM_RECORD)).state.last_seq)


def _await_ready(process: subprocess.Popen[bytes], page: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        # Not there yet, or 503: an HTTPError is an OSError too.
        with suppress(OSError), urllib.request.urlopen(page, timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit(f"{process.args} is not ready: see what it said above")
