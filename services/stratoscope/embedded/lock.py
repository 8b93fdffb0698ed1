"""One `up` a data folder.

The lock is held by an open file that the children inherit, so the folder is free only once the
last of them is gone: whoever gets it knows that no server is left on the files.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stratoscope.embedded.errors import EmbeddedError

POLL_SECONDS = 0.05


@asynccontextmanager
async def folder_lock(folder: Path, wait_seconds: float = 15.0) -> AsyncIterator[int]:
    """Hold the folder, and give the descriptor that children are to inherit.

    Where its holder has died, its last children are waited for. Raises EmbeddedError where
    another process holds it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await _take(descriptor, folder, wait_seconds)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


async def _take(descriptor: int, folder: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode()
            if _is_alive(holder):
                raise EmbeddedError(_held_by(folder, f"process {holder}")) from None
            if time.monotonic() > deadline:
                what = f"what process {holder or '?'}, which has ended, left running"
                raise EmbeddedError(_held_by(folder, what)) from None
            # Nothing tells the end of processes that are not our children.
            await asyncio.sleep(POLL_SECONDS)
        else:
            return


def _held_by(folder: Path, holder: str) -> str:
    return (
        f"the data folder {folder} is in use by {holder};"
        " stop it, or choose another folder with --data"
    )


def _is_alive(pid: str) -> bool:
    # Empty while the holder has the lock and has not yet written its number: it is starting.
    if not pid:
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
