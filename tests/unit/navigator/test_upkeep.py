"""What is done again and again goes on, whatever a turn ends with."""

import asyncio

import asyncpg
import pytest
import structlog.testing

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator.upkeep import repeat


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (asyncpg.InternalClientError("cannot switch to state 11"), "warning"),
        (asyncpg.PostgresConnectionError("gone"), "warning"),
        (ConnectionRefusedError(), "warning"),
        (TimeoutError(), "warning"),
        (ZeroDivisionError("a fault of ours"), "error"),
    ],
)
async def test_a_turn_that_fails_is_not_the_last_one(error: Exception, level: str):
    turns: asyncio.Queue[int] = asyncio.Queue()
    started = 0

    async def turn() -> None:
        nonlocal started
        started += 1
        if started == 2:
            raise error
        turns.put_nowait(started)

    with structlog.testing.capture_logs() as logged:
        task = asyncio.create_task(repeat(turn, 0.0, "not this time"))
        async with asyncio.timeout(5):
            assert [await turns.get() for _ in range(3)] == [1, 3, 4]
        await end_tasks([task])
    found = [(one["event"], one["log_level"]) for one in logged]
    passes = [("not this time", level), ("over: not this time", "info")]
    assert found == (passes if level == "warning" else passes[:1])


async def test_after_a_failure_it_rests_as_long_as_it_is_told():
    turns: asyncio.Queue[float] = asyncio.Queue()

    async def turn() -> None:
        turns.put_nowait(asyncio.get_running_loop().time())
        if turns.qsize() == 1:
            raise OSError

    with structlog.testing.capture_logs():
        task = asyncio.create_task(repeat(turn, 0.0, "not this time", again_after=0.05))
        async with asyncio.timeout(5):
            failed, again = await turns.get(), await turns.get()
        await end_tasks([task])
    assert again - failed >= 0.05
