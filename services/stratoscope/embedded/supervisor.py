"""Children that are started in order, started again when they die, and stopped in reverse order."""

import asyncio
import contextlib
import logging
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from signal import SIGKILL

from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.process import POLL_SECONDS
from stratoscope.embedded.program import Program

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
# A child that has lived this long has recovered, and its next death is a first one.
SETTLED_SECONDS = 30.0
_SAY_AGAIN = 1.0

log = logging.getLogger(__name__)


def next_delay(last: float | None, lived: float) -> float:
    """How long to wait before a child that lived so long is started again."""
    if last is None or lived >= SETTLED_SECONDS:
        return FIRST_DELAY
    return min(last * 2, LONGEST_DELAY)


class Supervisor:
    """The children of one `up`; all inherit `hold`, a descriptor that tells whether one lives."""

    def __init__(self, hold: int, on_restart: Callable[[], None]) -> None:
        self._hold = hold
        self._on_restart = on_restart
        self._children: list[_Child] = []

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each child now, by name."""
        return {child.program.name: child.pid for child in self._children}

    async def start(self, program: Program) -> None:
        """Start it, return once it is ready, and keep it running from then on.

        Raises EmbeddedError, with the end of its log, where it ends or is not ready in time.
        """
        child = _Child(program, self._hold, self._on_restart)
        # Known from here on, so that a stop in the middle of a start finds it.
        self._children.append(child)
        await child.start()

    async def stop(self) -> None:
        """Stop all, the last first, each in its own time."""
        while self._children:
            await self._children.pop().stop()


class _Child:
    def __init__(self, program: Program, hold: int, on_restart: Callable[[], None]) -> None:
        self.program = program
        self._hold = hold
        self._on_restart = on_restart
        self._process: Process | None = None
        self._started_at = 0.0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        process = await self._launch()
        await self._await_ready(process)
        self._keeper = asyncio.create_task(self._keep(process), name=self.program.name)

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        process = self._process
        if process is None:
            return
        if not await self._told_to_stop(process):
            log.warning("%s did not stop in its time and is killed", self.program.name)
            _signal(process, SIGKILL)
            await process.wait()
        _farewell(process)

    async def _told_to_stop(self, process: Process) -> bool:
        """Whether it ended by its signal, which is said again: one that is starting may miss it."""
        left = self.program.stop_seconds
        while left > 0:
            _signal(process, self.program.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), min(_SAY_AGAIN, left))
                return True
            left -= _SAY_AGAIN
        return False

    async def _launch(self) -> Process:
        with self.program.open_log() as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.program.arguments(),
                env=self.program.surroundings(),
                stdin=self.program.standard_input(),
                stdout=output,
                stderr=output,
                pass_fds=(self._hold,),
                # A terminal's Ctrl-C is for us; children are stopped when their turn comes.
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        return self._process

    async def _await_ready(self, process: Process) -> None:
        deadline = self._started_at + self.program.ready_seconds
        while not await asyncio.to_thread(self.program.is_ready, process.pid):
            if process.returncode is not None:
                raise EmbeddedError(self.program.failure(f"ended with {process.returncode}"))
            if time.monotonic() > deadline:
                seconds = self.program.ready_seconds
                raise EmbeddedError(self.program.failure(f"was not ready in {seconds:g} s"))
            await asyncio.sleep(POLL_SECONDS)

    async def _keep(self, process: Process) -> None:
        delay: float | None = None
        while True:
            code = await process.wait()
            _farewell(process)
            delay = next_delay(delay, time.monotonic() - self._started_at)
            log.warning(
                "%s (process %d) ended with %d and is started again in %g s; its log is %s",
                *(self.program.name, process.pid, code, delay, self.program.log),
            )
            await asyncio.sleep(delay)
            process = await self._launch_again()
            self._on_restart()

    async def _launch_again(self) -> Process:
        while True:
            try:
                return await self._launch()
            except OSError as error:  # no memory or no descriptors just now
                log.warning("%s can't be started: %s", self.program.name, error)
                await asyncio.sleep(LONGEST_DELAY)


def _signal(process: Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _farewell(process: Process) -> None:
    # Tells a watcher that the command has ended, before its number can be another's.
    if process.stdin is not None and not process.stdin.is_closing():
        process.stdin.write(b".")
        process.stdin.close()
