"""Waiting where the checkpoints can't be read, and where the process ends."""

import asyncio

import pytest
from structlog.testing import capture_logs

from stratoscope.navigator.waiting import Waiting
from stratoscope_contracts.errors import NotProjectedYet


class Checkpoints:
    """A vector that can be out of reach after the first look."""

    def __init__(self, *answers) -> None:
        self._answers = list(answers)
        self.reads = 0

    async def read(self):
        self.reads += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_what_is_known_is_not_looked_up():
    checkpoints = Checkpoints({})
    waiting = Waiting(checkpoints.read)
    waiting.heard([1, 2], 10)
    await waiting.until([1, 2], 10, 1)
    assert checkpoints.reads == 0


async def test_a_log_that_is_not_the_one_projected_is_refused_at_once_until_it_is_again():
    waiting = Waiting(Checkpoints({1: 10}).read)
    waiting.heard([1], 10)
    waits = asyncio.create_task(waiting.until([1], 20, 30))
    await asyncio.sleep(0)
    waiting.refuse("the log was replaced")
    for asked in (waits, waiting.until([1], 5, 30)):
        with pytest.raises(NotProjectedYet, match="the log was replaced") as caught:
            async with asyncio.timeout(1):
                await asked
        assert caught.value.details["reached"] == 10
    waiting.refuse(None)
    await waiting.until([1], 5, 0)
    await waiting.close()


async def test_checkpoints_out_of_reach_are_one_line_of_the_log():
    waiting = Waiting(Checkpoints({1: 3}, ConnectionRefusedError()).read, every=0.001)
    with capture_logs() as lines, pytest.raises(NotProjectedYet):
        await waiting.until([1], 10, 0.1)
    assert [(one["event"], one["error"]) for one in lines] == [
        ("the checkpoints could not be read", "ConnectionRefusedError")
    ]
    await waiting.close()


async def test_a_watermark_never_goes_back():
    waiting = Waiting(Checkpoints({1: 3}).read)
    waiting.heard([1], 10)
    waiting.heard([1], 5)
    await waiting.until([1], 10, 0)


async def test_checkpoints_out_of_reach_are_looked_at_again():
    checkpoints = Checkpoints({1: 0}, OSError("gone"), OSError("gone"), {1: 7})
    waiting = Waiting(checkpoints.read, every=0.001)
    with capture_logs() as logs:
        await waiting.until([1], 7, 5)
    assert len(logs) == 2
    await waiting.close()


async def test_nobody_looks_where_nobody_waits():
    checkpoints = Checkpoints({1: 0}, {1: 7})
    waiting = Waiting(checkpoints.read, every=0.001)
    await waiting.until([1], 7, 5)
    reads = checkpoints.reads
    await asyncio.sleep(0.02)
    assert checkpoints.reads <= reads + 1
    await waiting.close()


async def test_all_are_let_go_when_the_process_ends():
    waiting = Waiting(Checkpoints({1: 3, 2: 4}).read)
    tasks = [asyncio.create_task(waiting.until([1, 2], 9, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.give_up()
    for task in tasks:
        with pytest.raises(NotProjectedYet) as refused:
            await task
        assert refused.value.details == {"reached": 3, "wanted": 9}
    await waiting.close()


async def test_what_another_projection_had_is_not_waited_for_as_if_it_were_here():
    checkpoints = Checkpoints({1: 3}, {1: 12})
    waiting = Waiting(checkpoints.read, every=0.01)
    waiting.heard([1], 10)
    waiting.forget()
    with pytest.raises(NotProjectedYet):
        await waiting.until([1], 10, 0)
    await waiting.until([1], 10, 1)
    await waiting.close()
