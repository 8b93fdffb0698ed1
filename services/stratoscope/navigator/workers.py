"""Processes that work for this one and can be killed: what runs in them never holds up the loop."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from math import inf
from types import TracebackType
from typing import Final, Self

from stratoscope.navigator.shares import Share

# Settings of the service and of libpq: addresses, passwords and the places of keys.
_WITHHELD: Final = ("STRATO_", "PG")
# Where processors are scarce, the process that answers every space goes first.
_SHARED_NICENESS: Final = 10


class WorkerLost(Exception):
    """The process ended in the middle of its work."""


class Worker:
    """A process that is started when there is something to do.

    It is a Python program that takes frames on stdin and answers each with frames on stdout; a
    frame is its length in four bytes and so many bytes.
    """

    def __init__(self, program: Sequence[str], niceness: int = 0) -> None:
        """Give way to other processes by so much: see nice(1)."""
        self._program = program
        self._niceness = niceness
        self._process: Process | None = None

    async def answers(self, asked: bytes) -> AsyncGenerator[bytes, None]:
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
                yield await process.stdout.readexactly(size)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise WorkerLost from error

    def processor_seconds(self) -> float:
        """The processor time of the process, in seconds; infinite where that is unknown."""
        if self._process is None:
            return 0.0
        # What clock_getcpuclockid(3) gives on Linux.
        try:
            return time.clock_gettime((~self._process.pid << 3) | 2)
        except OSError:
            return inf

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
        # The worker evaluates input of clients.
        known = {
            name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)
        }
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", *self._program),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=known,
        )
        if self._niceness:
            with suppress(ProcessLookupError):
                pid = self._process.pid
                nice = min(os.getpriority(os.PRIO_PROCESS, pid) + self._niceness, 19)
                os.setpriority(os.PRIO_PROCESS, pid, nice)
        return self._process


class Workers:
    """A few workers of one program, for as long as the block lasts."""

    def __init__(self, program: Sequence[str], count: int, share: Share | None = None) -> None:
        """Share them between spaces where `share` is given, as it has slots."""
        self._share = share
        niceness = _SHARED_NICENESS if share else 0
        self._workers = [Worker(program, niceness) for _ in range(count)]
        # The one used last is the one that is up already.
        self._free: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        for worker in self._workers:
            self._free.put_nowait(worker)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            await worker.kill()

    @asynccontextmanager
    async def one(self, *spared: type[BaseException]) -> AsyncIterator[Worker]:
        """A worker by itself, once one is free; killed where the block raises, unless spared.

        Whoever left in the middle of an answer would leave the next one with the rest of it.
        """
        async with self._share.take() if self._share else nullcontext():
            worker = await self._free.get()
            try:
                yield worker
            except spared:
                raise
            except BaseException:
                await worker.kill()
                raise
            finally:
                self._free.put_nowait(worker)
