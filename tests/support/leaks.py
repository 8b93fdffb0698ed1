"""Processes that outlive the tests that started them."""

import os
import secrets

import psutil

# Inherited by whatever a test starts, also by what has been handed over to init since.
MARK = "STRATO_TEST_RUN"
# Python's own, which ends with the interpreter that started it.
_KEEPER = "multiprocessing.resource_tracker"


def mark_run() -> str:
    """Mark all processes that this one starts from here on."""
    os.environ[MARK] = secrets.token_hex(8)
    return os.environ[MARK]


def end_leaked(mark: str) -> list[str]:
    """End the processes that carry the mark, and name them."""
    leaked = [process for process in psutil.process_iter() if _carries(process, mark)]
    names = [f"{process.pid}: {_command(process)}" for process in leaked]
    for process in leaked:
        process.kill()
    psutil.wait_procs(leaked, timeout=5)
    return names


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        if process.pid == os.getpid() or process.environ().get(MARK) != mark:
            return False
        return not any(_KEEPER in word for word in process.cmdline())
    except (psutil.Error, OSError):  # gone meanwhile, or not ours to look at
        return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "(ended)"
