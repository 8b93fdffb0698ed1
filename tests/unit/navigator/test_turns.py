"""Whose step is next: partitions in turn, pieces of one in their order."""

from collections.abc import AsyncIterator

import pytest

from stratoscope.navigator.live.turns import Turns

LONG = 3600.0


class Log:
    """What was done, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def steps(self, name: str, count: int) -> AsyncIterator[None]:
        for number in range(count):
            self.done.append(f"{name}{number}")
            yield
        self.done.append(f"{name} ends")


async def test_partitions_have_a_step_each_in_turn():
    log, turns = Log(), Turns()
    await turns.begin(1, log.steps("a", 3), 0)
    await turns.begin(2, log.steps("b", 1), 0)
    assert (log.done, len(turns), 1 in turns, 3 in turns) == ([], 2, True, False)
    ended = [await turns.take() for _ in range(6)]
    assert log.done == ["a0", "b0", "a1", "b ends", "a2", "a ends"]
    assert ended == [None, None, None, 2, None, 1]
    assert await turns.take() is None


async def test_short_work_is_done_at_once():
    log, turns = Log(), Turns()
    await turns.begin(1, log.steps("a", 2), LONG)
    assert log.done == ["a0", "a1", "a ends"]
    assert not turns


async def test_later_work_on_a_partition_waits_for_earlier_work():
    log, turns = Log(), Turns()
    await turns.begin(1, log.steps("a", 1), 0)
    await turns.begin(1, log.steps("b", 1), LONG)
    await turns.begin(2, log.steps("c", 0), LONG)
    assert log.done == ["c ends"]
    ended = [await turns.take() for _ in range(4)]
    assert log.done == ["c ends", "a0", "a ends", "b0", "b ends"]
    assert ended == [None, None, None, 1]


async def test_one_piece_or_all_of_a_partition_can_be_left_undone():
    log, turns = Log(), Turns()
    for name in "ab":
        await turns.begin(1, log.steps(name, 1), 0)
    turns.skip(1)
    await turns.take()
    assert log.done == ["b0"]
    await turns.begin(1, log.steps("c", 1), 0)
    turns.drop(1)
    turns.drop(2)
    assert not turns
    await turns.begin(3, log.steps("d", 1), 0)
    turns.skip(3)
    assert (3 in turns, log.done) == (False, ["b0"])


async def test_what_goes_wrong_in_a_step_is_raised():
    async def fails() -> AsyncIterator[None]:
        yield
        raise ValueError("a step")

    turns = Turns()
    await turns.begin(1, fails(), 0)
    await turns.take()
    with pytest.raises(ValueError, match="a step"):
        await turns.take()


async def test_only_so_many_partitions_have_work_begun():
    """What is begun holds records in memory."""
    log, turns = Log(), Turns()
    for number in range(8):
        await turns.begin(number, log.steps(f"{number}:", 1), 0)
    await turns.begin(8, log.steps("8:", 0), LONG)
    for _ in range(11):
        await turns.take()
    assert log.done[:6] == [f"{number}:0" for number in range(6)]
    assert log.done[6:] == ["0: ends", "1: ends", "2: ends", "3: ends", "4: ends"]
    while turns:
        await turns.take()
    assert log.done[11:] == ["5: ends", "6:0", "7:0", "8: ends", "6: ends", "7: ends"]
