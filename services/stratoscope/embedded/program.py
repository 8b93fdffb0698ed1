"""What is run, how it is known to be ready and how it is asked to stop, as a value."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import IO, Literal

from stratoscope.embedded import tether
from stratoscope.embedded.account import Account

Tie = Literal["kernel", "watcher"]
NATIVE_TIE: Tie = "kernel" if sys.platform == "linux" else "watcher"

# A log over this is put aside at the next start, in place of the one put aside before.
MAX_LOG_BYTES = 16 * 1024 * 1024
_HEADING = "--- "


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A child process to be: `is_ready` takes its pid and may block, for a second at most."""

    name: str
    command: tuple[str, ...]
    log: Path
    is_ready: Callable[[int], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    stop_signal: Signals = SIGTERM
    # Sent where the parent is gone and nobody is left to wait.
    orphan_signal: Signals = SIGKILL
    ready_seconds: float = 20.0
    stop_seconds: float = 10.0
    tie: Tie = NATIVE_TIE

    def arguments(self) -> tuple[str, ...]:
        """The command line, tied to this process."""
        account = self.account or Account(-1, -1)
        numbers = (os.getpid(), int(self.orphan_signal), account.uid, account.gid)
        # -I -S: nothing of the user's environment is imported, and it starts in 15 ms.
        interpreter = (sys.executable, "-I", "-S", tether.__file__)
        return (*interpreter, self.tie, *(str(number) for number in numbers), *self.command)

    def surroundings(self) -> dict[str, str]:
        """The environment: this process's own, and the program's on top."""
        return {**os.environ, **self.environment}

    def standard_input(self) -> int:
        """What the child reads: nothing, or the pipe by which a watcher sees us end."""
        return subprocess.PIPE if self.tie == "watcher" else subprocess.DEVNULL

    def open_log(self) -> IO[bytes]:
        """The file that takes both outputs, appended to under a heading of this start's own."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        file = self.log.open("ab", buffering=0)
        file.write(f"{_HEADING}{self.name} starts, {datetime.now(UTC):%FT%TZ}\n".encode())
        return file

    def last_lines(self, count: int = 15) -> str:
        """The end of the log, of the last start only, for a message about a failure."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
        *_, last = text.split(_HEADING)
        return "\n".join(last.splitlines()[-count:])

    def failure(self, what: str) -> str:
        """A message with the end of the log, and where the rest of it is."""
        return f"{self.name} {what}; its log, {self.log}, ends with:\n{self.last_lines()}"
