"""Ctrl-C: leaves what runs, and stays in the session."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any


class Interrupts:
    """Hears of Ctrl-C while something runs.

    What can be told to stop is told so, at first; the second time, or where it can't, it is
    cancelled.
    """

    def __init__(self) -> None:
        self._work: asyncio.Task[None] | None = None
        self._stop: asyncio.Event | None = None

    @contextmanager
    def heard(self) -> Iterator[None]:
        """For as long as the block lasts, in place of ending the process."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self.press)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    @contextmanager
    def stopping(self) -> Iterator[asyncio.Event]:
        """What is set by the first Ctrl-C within the block."""
        self._stop = asyncio.Event()
        try:
            yield self._stop
        finally:
            self._stop = None

    def press(self) -> None:
        """What Ctrl-C does."""
        if self._stop is not None and not self._stop.is_set():
            self._stop.set()
        elif self._work is not None:
            self._work.cancel()

    async def run(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether it came to its end; it did not where it was interrupted."""
        self._work = asyncio.create_task(work)
        try:
            await self._work
        except asyncio.CancelledError:
            asking = asyncio.current_task()
            if asking is not None and asking.cancelling():
                # It is this task that is to end, and the work with it.
                self._work.cancel()
                raise
            return False
        finally:
            self._work = None
        return True
