"""One child process, started, awaited and stopped by a caller without an event loop."""

import contextlib
import os
import subprocess
import time
from signal import SIGKILL
from types import TracebackType
from typing import Self

from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.program import Program

POLL_SECONDS = 0.01


class Process:
    """A running program; as a context manager it is stopped at the end.

    It is tied to the thread that starts it: on Linux it ends with that thread.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        with program.open_log() as log:
            self._child = subprocess.Popen(
                program.arguments(),
                env=program.surroundings(),
                stdin=program.standard_input(),
                stdout=log,
                stderr=log,
                # A terminal's Ctrl-C is for the parent, which stops its children in their order.
                start_new_session=True,
            )
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process id of the command."""
        return self._child.pid

    def stop(self) -> None:
        """Ask it to stop, and kill it where it doesn't in its time."""
        if self._child.poll() is None:
            self._child.send_signal(self.program.stop_signal)
            try:
                self._child.wait(self.program.stop_seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._reap()

    def kill(self) -> None:
        """End it without a word, as a crash would."""
        self._child.send_signal(SIGKILL)
        self._reap()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _await_ready(self) -> None:
        seconds = self.program.ready_seconds
        deadline = time.monotonic() + seconds
        while not self.program.is_ready(self.pid):
            if self._child.poll() is not None:
                raise EmbeddedError(self.program.failure(f"ended with {self._child.returncode}"))
            if time.monotonic() > deadline:
                raise EmbeddedError(self.program.failure(f"was not ready in {seconds:g} s"))
            time.sleep(POLL_SECONDS)

    def _reap(self) -> None:
        self._child.wait()
        if self._child.stdin is not None and not self._child.stdin.closed:
            farewell(self._child.stdin.fileno())
            self._child.stdin.close()


def farewell(descriptor: int) -> None:
    """Tell a watcher that its command has ended."""
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, b".")
