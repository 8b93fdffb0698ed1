"""A process that saturates what it is told to, again and again: `python saturating.py`.

It has a loop of its own, so that its work does not delay the requests that a test measures. A line
on stdin begins a load, a `Load` as JSON, or `burn`, which takes a processor without asking
anything: what a busy machine alone costs. An empty line ends it. Each is answered by a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count

import nats
from nats.aio.client import Client

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.login import Access

NUMBER = "{number}"
_BURN = "burn"
_BURN_SECONDS = 0.02
# Replies that still come are awaited, so that they don't burden what is measured next.
_DRAIN_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked, `count` at a time, each again once it has its reply.

    Bodies go round; `NUMBER` in one stands for the number of the request.
    """

    url: str
    subject: str
    bodies: tuple[str, ...]
    count: int
    connections: int = 1
    credentials: str | None = None
    authority: str | None = None


class Saturator:
    """The running process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @asynccontextmanager
    async def load(self, load: Load | None) -> AsyncIterator[None]:
        """Saturate for as long as the block lasts, once all first requests are sent."""
        await self._tell(_BURN if load is None else json.dumps(asdict(load)))
        yield
        await self._tell("")

    async def _tell(self, line: str) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{line}\n".encode())
        async with asyncio.timeout(60):
            assert await stdout.readline() == b"done\n"


@asynccontextmanager
async def saturator() -> AsyncIterator[Saturator]:
    """The process, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__), stdin=PIPE, stdout=PIPE
    )
    try:
        yield Saturator(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class _Asker:
    """Asks until it is stopped."""

    def __init__(self, load: Load, numbers: count[int]) -> None:
        self._load = load
        self._numbers = numbers
        self._sent = 0
        self.is_stopped = False
        self.all_sent = asyncio.Event()

    async def ask_on(self, client: Client, body: str) -> None:
        """Ask, and ask again."""
        inbox = client.new_inbox()
        messages = await client.subscribe(inbox)
        is_replay = self._load.subject.endswith(".replay")
        while not self.is_stopped:
            numbered = body.replace(NUMBER, f"{next(self._numbers):08}")
            await client.publish(self._load.subject, numbered.encode(), reply=inbox)
            self._sent += 1
            if self._sent == self._load.count:
                self.all_sent.set()
            # A replay's last message has headers; every other reply is one message.
            while not (await messages.next_msg(timeout=60)).headers and is_replay:
                pass


@asynccontextmanager
async def _asking(load: Load, numbers: count[int]) -> AsyncIterator[None]:
    options = Access(nats_creds=load.credentials, nats_tls_ca=load.authority).login.options()
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(load.connections):
            clients.append(await nats.connect(load.url, **options))
            stack.push_async_callback(clients[-1].close)
        asker = _Asker(load, numbers)
        turns = ((clients[n % len(clients)], load.bodies[n % len(load.bodies)]) for n in count())
        asking = [asyncio.create_task(asker.ask_on(*next(turns))) for _ in range(load.count)]
        await asker.all_sent.wait()
        for client in clients:
            await client.flush()
        yield
        asker.is_stopped = True
        ended, late = await asyncio.wait(asking, timeout=_DRAIN_SECONDS)
        await end_tasks(late)
        for task in ended:
            task.result()


async def _burn() -> None:
    while True:
        until = time.perf_counter() + _BURN_SECONDS
        while time.perf_counter() < until:
            pass
        await asyncio.sleep(0)


@asynccontextmanager
async def _burning() -> AsyncIterator[None]:
    task = asyncio.create_task(_burn())
    yield
    await end_tasks([task])


async def _obey() -> None:
    lines = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    # Through all loads, so that no two requests have the same one.
    numbers = count()
    while line := (await lines.readline()).strip():
        told = None if line == _BURN.encode() else json.loads(line)
        load = _burning() if told is None else _asking(_load(told), numbers)
        async with load:
            _answer()
            await lines.readline()
        _answer()


def _load(told: dict[str, object]) -> Load:
    return Load(**told)  # type: ignore[arg-type]


def _answer() -> None:
    sys.stdout.buffer.write(b"done\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(_obey())
