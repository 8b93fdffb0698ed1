"""Which lane projects which partition, and when."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stratoscope.broker.puller import Delivered
from stratoscope.domain.overload import Overload
from stratoscope.projector import lanes as module
from stratoscope.projector.lanes import IntakeLanes, MainPace, SideTurn
from stratoscope.projector.pipeline import Pace, Stop
from stratoscope.store.leases import Held, LeasedPart

Partitions = tuple[int, ...]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FLOOD = [Delivered(1, NOW, "strato.default.part.1.a.event", None, b"{}", 1 << 20)] * 3


async def until(condition: Callable[[], bool]) -> None:
    """Turn the loop until a condition holds."""
    async with asyncio.timeout(10):
        await asyncio.sleep(0)
        while not condition():  # noqa: ASYNC110 - what is looked at has no event
            await asyncio.sleep(0)


class Term:
    """Two lanes whose work the test decides, over partitions 0 to 3."""

    def __init__(self) -> None:
        held = tuple(Held(number, 1, 0, 0, None) for number in range(4))
        self.leases = SimpleNamespace(held=held)
        self.main: Partitions = ()
        self.side: list[Partitions] = []
        self.apart: list[int] = []
        self.overloads: asyncio.Queue[Exception] = asyncio.Queue()
        # What a turn of the side lane does.
        self.work: Callable[[Stop, Pace], Awaitable[None]] = self.drained
        self.lanes = IntakeLanes(
            cast(Any, self.leases), self.project, self.project_apart, self.apart.append
        )
        self.stopping = asyncio.Event()

    async def project(self, part: LeasedPart, stop: Stop, _: Pace) -> None:
        self.main = tuple(one.partition for one in part.held)
        try:
            await until(lambda: stop.is_set() or not self.overloads.empty())
            if not stop.is_set():
                raise self.overloads.get_nowait()
        finally:
            self.main = ()

    async def project_apart(self, part: LeasedPart, stop: Stop, pace: Pace) -> None:
        self.side.append(tuple(one.partition for one in part.held))
        await self.work(stop, pace)

    async def drained(self, stop: Stop, pace: Pace) -> None:
        pace.idle()
        assert stop.is_set()

    async def until_stopped(self, stop: Stop, _: Pace) -> None:
        await until(stop.is_set)


@asynccontextmanager
async def running(term: Term) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(term.lanes.run(term.stopping))
    yield task
    term.stopping.set()
    await asyncio.wait_for(task, 5)


@pytest.fixture
def term(monkeypatch: pytest.MonkeyPatch) -> Term:
    monkeypatch.setattr(module, "_TURN_SECONDS", 0.0)
    monkeypatch.setattr(module, "_APART_SECONDS", 0.0)
    return Term()


async def test_a_partition_that_is_set_apart_leaves_the_others_and_comes_back(term: Term):
    release = asyncio.Event()

    async def held_up(stop: Stop, pace: Pace) -> None:
        await release.wait()
        pace.idle()

    term.work = held_up
    async with running(term):
        await until(lambda: term.main == (0, 1, 2, 3))
        term.overloads.put_nowait(Overload([2]))
        await until(lambda: term.main == (0, 1, 3) and term.side == [(2,)])
        release.set()
        await until(lambda: term.main == (0, 1, 2, 3))
    assert term.apart == [1, 0, 0]


async def test_partitions_that_are_set_apart_take_turns(term: Term):
    term.work = term.until_stopped
    async with running(term):
        term.overloads.put_nowait(Overload([3, 1]))
        await until(lambda: len(term.side) >= 4)
        assert term.side[:4] == [(1,), (3,), (1,), (3,)]
        assert term.main == (0, 2)
        term.work = term.drained
        await until(lambda: term.main == (0, 1, 2, 3))


async def test_the_main_lane_waits_where_every_partition_is_set_apart(term: Term):
    term.work = term.until_stopped
    async with running(term):
        term.overloads.put_nowait(Overload(range(4)))
        await until(lambda: len(term.side) >= 4)
        assert term.main == ()
        term.work = term.drained
        await until(lambda: term.apart[-1] == 0)
        await until(lambda: term.main == (0, 1, 2, 3))


@pytest.mark.parametrize("lane", ["main", "side"])
async def test_a_failure_of_either_lane_ends_both(term: Term, lane: str):
    async def fails(*_: object) -> None:
        raise ConnectionError("gone")

    term.work = fails
    task = asyncio.create_task(term.lanes.run(term.stopping))
    failure: Exception = Overload([1]) if lane == "side" else ConnectionError("gone")
    term.overloads.put_nowait(failure)
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(task, 5)


async def test_what_the_side_lane_has_begun_is_finished_at_the_end(term: Term):
    begun, finish, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def long(*_: object) -> None:
        begun.set()
        await finish.wait()
        finished.set()

    term.work = long
    async with running(term) as task:
        term.overloads.put_nowait(Overload([1]))
        await begun.wait()
        term.stopping.set()
        await until(lambda: term.main == ())
        assert not task.done()
        finish.set()
    assert finished.is_set()


def test_the_main_lane_refuses_what_others_would_wait_for():
    pace = MainPace()
    pace.idle()
    pace.taken(FLOOD[:1])
    with pytest.raises(Overload) as raised:
        MainPace().taken(FLOOD)
    assert raised.value.partitions == {1}


def test_a_partition_stays_apart_for_a_while_unless_others_wait():
    others: list[int] = []
    turn = SideTurn(lambda: bool(others), lambda: False)
    turn.taken(FLOOD)
    turn.idle()
    assert not turn.is_set()
    others.append(1)
    turn.idle()
    assert turn.is_set()
    assert turn.is_done
