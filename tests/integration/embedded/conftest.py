"""`up` as a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from stratoscope.embedded.ports import free_port
from support import run_up

WAIT_SECONDS = 20.0


class Up:
    """A running `up`, seen from outside."""

    def __init__(self, asked: dict[str, Any], *before: str) -> None:
        self._process = subprocess.Popen(
            [*before, sys.executable, run_up.__file__, json.dumps(asked)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stderr = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def first_line(self) -> str:
        """The first line of its output; empty where it ends without one."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def ready(self) -> dict[str, Any]:
        """What it says once all is ready."""
        line = self.first_line()
        assert line, f"ended without being ready: {self.end()}"
        said: dict[str, Any] = json.loads(line)
        return said

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Its exit code, the rest of its output, and its messages, once it has ended."""
        code = self._process.wait(WAIT_SECONDS)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        return code, self._process.stdout.read(), self._process.stderr.read()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(WAIT_SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


StartUp = Callable[..., Up]


@pytest.fixture
def start_up(scratch: Path) -> Iterator[StartUp]:
    """Start `up` on a folder of the test's own, with services that do nothing.

    Words go before its command line, keywords into what it is asked for.
    """
    started: list[Up] = []
    # Its own, since the well-known one may change hands between two starts of a test.
    ports = {"nats": free_port()}

    def start(*before: str, **asked: Any) -> Up:
        up = Up({"data": str(scratch / "data"), "ports": ports, **asked}, *before)
        started.append(up)
        return up

    yield start
    for up in started:
        up.close()


def processes_below(pid: int) -> list[psutil.Process]:
    """All that a process has started, directly or not."""
    return psutil.Process(pid).children(recursive=True)


def still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are there after a while that is enough for all of them to end."""
    return psutil.wait_procs(processes, timeout=WAIT_SECONDS)[1]
