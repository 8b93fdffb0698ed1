"""One process that evaluates, as it is seen from outside."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from importlib.resources import files
from typing import Any

import orjson

# By its path: `-m` would import this package first, which takes longer than all that it needs.
_PROGRAM = str(files("stratoscope.navigator.expressions") / "worker.py")

_UNTOLD = frozenset(("STRATO_NATS_URL", "STRATO_POSTGRES_DSN"))


class WorkerLost(Exception):
    """The process ended in the middle of its work."""


class Worker:
    """A process that is started when there is something to evaluate."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def answers(self, asked: bytes) -> AsyncGenerator[dict[str, Any], None]:
        """Send a frame, and give the frames that come back. Raises WorkerLost."""
        process = self._process or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(len(asked).to_bytes(4, "big"))
            process.stdin.write(asked)
            await process.stdin.drain()
            while True:
                size = int.from_bytes(await process.stdout.readexactly(4), "big")
                yield orjson.loads(await process.stdout.readexactly(size))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise WorkerLost from error

    async def kill(self) -> None:
        """End the process, whatever it is doing; the next frame starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    async def _start(self) -> Process:
        # What it evaluates is a stranger's: it gets to know neither addresses nor passwords.
        known = {name: value for name, value in os.environ.items() if name not in _UNTOLD}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", _PROGRAM), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=known
        )
        return self._process
