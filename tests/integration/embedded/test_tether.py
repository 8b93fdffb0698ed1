"""Children that end with their parent, in both ways in which they are tied to it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from integration.embedded.conftest import still_running
from stratoscope.embedded import EmbeddedError, Process
from stratoscope.embedded.program import Program, Tie

# A parent that starts a child and tells its pid; then it waits to be killed.
_PARENT = """
import sys, time
from pathlib import Path
from stratoscope.embedded import Process
from stratoscope.embedded.program import Program
child = Process(Program(
    name="sleeper", command=(sys.executable, "-S", "-c", "import time; time.sleep(600)"),
    log=Path(sys.argv[1]), is_ready=lambda _pid: True, tie=sys.argv[2],
))
print(child.pid, flush=True)
time.sleep(600)
"""
TIES: list[Tie] = ["kernel", "watcher"] if sys.platform == "linux" else ["watcher"]


def program(log: Path, code: str, **other: object) -> Program:
    return Program(
        name="child",
        command=(sys.executable, "-S", "-c", code),
        log=log,
        **{"is_ready": lambda _pid: True, **other},  # type: ignore[arg-type]  # any of its fields
    )


def says(log: Path, word: str) -> Callable[[int], bool]:
    return lambda _pid: word in log.read_text()


@pytest.mark.parametrize("tie", TIES)
def test_kill_9_of_the_parent_ends_the_child(tmp_path: Path, tie: Tie) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "log"), tie]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        assert still_running([child]) == []


@pytest.mark.parametrize("tie", TIES)
def test_a_child_that_was_stopped_leaves_no_watcher(tmp_path: Path, tie: Tie) -> None:
    log = tmp_path / "log"
    code = "import os, time; print('up', os.getppid(), flush=True); time.sleep(600)"
    mark = "STRATO_TEST_TETHER"
    process = Process(
        program(log, code, tie=tie, is_ready=says(log, "up"), environment={mark: "1"})
    )
    marked = [one for one in psutil.process_iter() if carries(one, mark)]
    assert len(marked) == {"kernel": 1, "watcher": 2}[tie]
    process.stop()
    assert still_running(marked) == []


def test_the_command_keeps_the_pid_and_is_led_by_no_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import os, time; print('pid', os.getpid(), os.getsid(0), flush=True); time.sleep(600)"
    with Process(program(log, code, is_ready=says(log, "pid"))) as process:
        assert f"pid {process.pid} {process.pid}" in log.read_text()


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(600)"
    )
    process = Process(program(log, code, is_ready=says(log, "deaf"), stop_seconds=0.1))
    child = psutil.Process(process.pid)
    process.stop()
    assert still_running([child]) == []


def test_a_child_that_ends_before_it_is_ready_is_an_error_with_its_last_words(
    tmp_path: Path,
) -> None:
    with pytest.raises(EmbeddedError, match=r"child ended with 3(.|\n)*no luck"):
        Process(
            program(
                tmp_path / "log",
                "print('no luck'); raise SystemExit(3)",
                is_ready=lambda _pid: False,
            )
        )


def test_a_child_that_is_never_ready_is_ended_with_an_error(tmp_path: Path) -> None:
    pids: list[int] = []

    def never(pid: int) -> bool:
        pids.append(pid)
        return False

    code = "import time; time.sleep(600)"
    with pytest.raises(EmbeddedError, match=r"was not ready in 0\.2 s"):
        Process(program(tmp_path / "log", code, is_ready=never, ready_seconds=0.2))
    assert not psutil.pid_exists(pids[0])


def carries(process: psutil.Process, mark: str) -> bool:
    try:
        return mark in process.environ()
    except psutil.Error:
        return False
