"""Work in threads: a cancelled caller waits for its thread, which holds memory until then."""

import asyncio
import threading

import pytest

from stratoscope.navigator.threads import LARGE, work_on


async def test_a_cancelled_caller_returns_once_its_thread_has_ended() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    task = asyncio.create_task(work_on(LARGE + 1, work))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_what_the_work_raises_is_raised() -> None:
    def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await work_on(LARGE + 1, work)
