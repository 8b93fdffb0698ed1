"""How long an event loop was kept from its turns by its own process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from stratoscope.broker.ending import end_tasks


@dataclass
class Stalls:
    """The most processor time that passed between two turns, in seconds.

    It is the time of this process and all its threads, not the clock's: what others take of a busy
    machine is no stall of ours, and a thread that holds the interpreter is one.
    """

    longest: float = 0.0

    async def watch(self) -> None:
        """Take a turn every few milliseconds, until cancelled."""
        last = time.process_time()
        while True:
            await asyncio.sleep(0.002)
            now = time.process_time()
            self.longest = max(self.longest, now - last)
            last = now


@asynccontextmanager
async def watched_stalls() -> AsyncIterator[Stalls]:
    """Watch this loop as long as the block lasts."""
    found = Stalls()
    task = asyncio.create_task(found.watch())
    await asyncio.sleep(0)
    try:
        yield found
        # What came to its end just now has kept the watcher from its turn.
        await asyncio.sleep(0.01)
    finally:
        await end_tasks([task])
