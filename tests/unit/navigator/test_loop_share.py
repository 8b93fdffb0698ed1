"""Turns on the event loop: whose step is next, and that tasks behave as tasks."""

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from time import perf_counter

import pytest

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator.loop_share import LoopShare
from support.eventually import eventually


async def _is(reached: bool) -> bool:
    return reached


def spin(seconds: float) -> None:
    """Use the processor."""
    until = perf_counter() + seconds
    while perf_counter() < until:
        pass


@asynccontextmanager
async def flooding(share: LoopShare, tasks: int) -> AsyncIterator[list[int]]:
    """Tasks of a space of which each is busy in every step; how many steps there were."""
    steps = [0]

    async def flood() -> None:
        while True:
            spin(0.001)
            steps[0] += 1
            await asyncio.sleep(0)

    running = [share.start("loud", flood(), "flood") for _ in range(tasks)]
    try:
        yield steps
    finally:
        await end_tasks(running)


async def test_a_step_of_another_space_waits_for_a_step_and_not_for_all() -> None:
    """Of 50 tasks that are ready, each with a millisecond, not 50 go before it."""
    share = LoopShare()
    waited: list[int] = []

    async def ask(steps: list[int]) -> None:
        for _ in range(10):
            before = steps[0]
            await asyncio.sleep(0)
            waited.append(steps[0] - before)

    async with flooding(share, 50) as steps:
        await share.start("quiet", ask(steps), "ask")
    assert sorted(waited)[5] <= 2
    assert max(waited) < 10


async def test_a_flood_leaves_most_of_the_time_while_another_space_is_there() -> None:
    """An eighth of the time is its own, and it goes on."""
    share = LoopShare()

    async def ask() -> None:
        for _ in range(100):
            await asyncio.sleep(0.002)

    async with flooding(share, 10) as steps:
        begun = perf_counter()
        await share.start("quiet", ask(), "ask")
        taken = perf_counter() - begun
        assert 0 < steps[0] * 0.001 < taken / 3


async def test_a_flood_alone_is_not_held_up() -> None:
    share = LoopShare()
    async with flooding(share, 10) as steps:
        await eventually(lambda: _is(steps[0] >= 20))


async def test_results_and_errors_of_what_is_awaited_reach_the_task() -> None:
    share = LoopShare()
    told: list[object] = []

    async def work() -> None:
        told.append(await asyncio.sleep(0.001, "slept"))
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            await failed
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(10)
        told.append("end")

    await share.start("a", work(), "work")
    assert told == ["slept", "end"]


async def test_an_error_is_the_tasks_own() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await LoopShare().start("a", work(), "work")


async def test_a_task_that_waits_for_its_turn_can_be_cancelled() -> None:
    """And cleans up, though its turn never came."""
    share = LoopShare()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            while True:
                begun.set()
                spin(0.002)
                await asyncio.sleep(0)
        finally:
            ended.set()

    async with flooding(share, 10):
        task = share.start("loud", work(), "work")
        await begun.wait()
        await end_tasks([task])
    assert ended.is_set()
    assert task.cancelled()


async def test_a_task_that_is_cancelled_before_its_first_step_leaves_nothing() -> None:
    share = LoopShare()
    never = asyncio.Event()

    async def work() -> None:
        never.set()

    work_: Coroutine[object, object, None] = work()
    task = share.start("a", work_, "work")
    await end_tasks([task])
    assert not never.is_set()
    del work_, task
    # A coroutine that was never awaited would be warned of here.
    gc.collect()
