"""A command at a terminal, typed into as a person would."""

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from support.commands import PROGRAM

CTRL_C, CTRL_D = "\x03", "\x04"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """What a command shows, and where one types."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._shown = ""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def until(self, pattern: str, within: float = 20.0) -> str:
        """What was shown up to and with a pattern."""
        ends = monotonic() + within
        while (found := re.search(pattern, self._shown)) is None:
            ready, _, _ = select.select([self._master], [], [], max(0.0, ends - monotonic()))
            assert ready, f"{pattern!r} was not shown, but {self._shown!r}"
            try:
                read = os.read(self._master, 65_536)
            except OSError as ended:
                raise AssertionError(f"it ended: {self._shown!r}") from ended
            self._shown += _CONTROL.sub("", read.decode(errors="replace"))
        before, self._shown = self._shown[: found.end()], self._shown[found.end() :]
        return before


@contextmanager
def at_a_terminal(*arguments: str, **environment: str) -> Iterator[Terminal]:
    """A command whose input and output is a terminal of its own."""
    master, slave = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    plain = {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "100", "PROMPT_TOOLKIT_NO_CPR": "1"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | plain | environment,
        start_new_session=True,
        # So that a typed Ctrl-C is the signal that it is.
        preexec_fn=take_terminal,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)
