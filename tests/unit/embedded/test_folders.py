"""What is written on disk, and who may read it."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stratoscope.embedded.account import Account, open_the_way
from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.files import write_private
from stratoscope.embedded.lock import folder_lock
from stratoscope.embedded.program import Program

# A process that holds a lock file as a child does that inherited it, until its input ends.
_HOLDER = """
import fcntl, sys
held = open(sys.argv[1], "r+")
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_its_owners_whatever_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o600)


def test_the_way_is_opened_for_passing_only_and_no_further_than_needed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "cluster").mkdir(mode=0o700)
    before = mode(tmp_path)
    try:
        open_the_way(closed / "cluster", Account(uid=os.getuid() + 1, gid=0))
        assert mode(closed) == 0o701
        assert mode(closed / "cluster") == 0o700
    finally:
        tmp_path.chmod(before)


def test_a_way_that_is_open_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    open_the_way(folder / "cluster", Account(uid=os.getuid(), gid=0))
    assert mode(folder) == 0o700


def test_a_failure_shows_the_last_words_of_this_start_only(tmp_path: Path) -> None:
    program = Program(
        name="thing", command=("thing",), log=tmp_path / "logs" / "log", is_ready=lambda _: True
    )
    with program.open_log() as log:
        log.write(b"an older failure\n")
    with program.open_log() as log:
        log.write(b"what went wrong now\n")
    told = program.failure("ended with 1")
    assert "thing ended with 1" in told
    assert str(program.log) in told
    assert "what went wrong now" in told
    assert "an older failure" not in told


async def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    async with folder_lock(tmp_path):
        with pytest.raises(EmbeddedError, match=f"in use by process {os.getpid()}"):
            async with folder_lock(tmp_path):
                pass
    async with folder_lock(tmp_path):
        pass


async def test_the_children_of_a_holder_that_died_are_waited_for(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(dead_pid())
    with hold(tmp_path) as holder:
        taking = asyncio.create_task(take(tmp_path, wait_seconds=10))
        await asyncio.wait([taking], timeout=0.2)
        assert not taking.done()
        holder.communicate("")
        await taking


async def test_children_that_do_not_end_are_named_after_their_parent(tmp_path: Path) -> None:
    pid = dead_pid()
    (tmp_path / "lock").write_text(pid)
    with hold(tmp_path) as holder:
        with pytest.raises(EmbeddedError, match=f"process {pid}, which has ended, left running"):
            await take(tmp_path, wait_seconds=0.1)
        holder.communicate("")


async def take(folder: Path, wait_seconds: float) -> None:
    async with folder_lock(folder, wait_seconds):
        pass


def hold(folder: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def dead_pid() -> str:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        return str(process.pid)
