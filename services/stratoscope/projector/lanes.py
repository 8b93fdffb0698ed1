"""Intake in two lanes, so that a partition with much to do does not hold up the others.

The *main lane* projects the partitions of a term together. One that costs too much is *set
apart*: the main lane goes on without it, and the *side lane* projects it from its own checkpoint.
Partitions that are set apart take turns in the side lane, and are given back once nothing of them
waits. To the rest of the system the lanes are as two projectors: each has a consumer, a session
that writes, and checkpoints that no other one moves.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Container, Sequence
from typing import Final, Protocol

import structlog

from stratoscope.broker.ending import accompanied, end_tasks
from stratoscope.broker.puller import Delivered
from stratoscope.domain.overload import Overload
from stratoscope.projector.backlog import Backlog
from stratoscope.projector.pipeline import Pace, Stop
from stratoscope.store.leases import LeasedPart, Leases
from stratoscope_contracts.words import PARTITIONS

# How long a turn lasts where others wait for theirs; what was begun is finished.
_TURN_SECONDS: Final = 1.0
# How long a partition stays set apart, at least, where no other one waits.
_APART_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)


class Lane(Protocol):
    """Projects partitions until it is to stop; see `projector.term`."""

    def __call__(self, part: LeasedPart, stop: Stop, pace: Pace) -> Awaitable[None]:
        """Raise Overload where partitions are to be set apart, and whatever else ends the term."""


class MainPace:
    """Finds the partitions that hold up the others of the main lane."""

    def __init__(self) -> None:
        self._backlog = Backlog()

    def taken(self, delivered: Sequence[Delivered]) -> None:
        """Raise Overload where messages are not to be projected here."""
        if apart := self._backlog.add(delivered):
            raise Overload(apart)

    def idle(self) -> None:
        """There is nothing to do about it."""


class SideTurn:
    """A partition's turn in the side lane."""

    def __init__(self, others_wait: Callable[[], bool], ending: Callable[[], bool]) -> None:
        self._others_wait = others_wait
        self._ending = ending
        self._backlog = Backlog()
        self._began = self._busy = time.monotonic()
        self.is_done = False

    def is_set(self) -> bool:
        """Whether the turn is over."""
        return (
            self.is_done
            or self._ending()
            or (self._others_wait() and time.monotonic() - self._began >= _TURN_SECONDS)
        )

    def taken(self, delivered: Sequence[Delivered]) -> None:
        """Note when there was much to do."""
        if self._backlog.add(delivered):
            self._busy = time.monotonic()

    def idle(self) -> None:
        """Nothing waits: the partition can be given back, at once where others wait."""
        calm = time.monotonic() - self._busy
        self.is_done = self._others_wait() or calm >= _APART_SECONDS


class IntakeLanes:
    """The two lanes of a term, and which partitions are set apart."""

    def __init__(
        self, leases: Leases, main: Lane, side: Lane, apart: Callable[[int], None]
    ) -> None:
        """`apart` is told how many partitions are set apart whenever that changes."""
        self._leases = leases
        self._main_lane = main
        self._side_lane = side
        self._tell = apart
        # In the order of their turns.
        self._apart: deque[int] = deque()
        self._regroup = asyncio.Event()
        self._work = asyncio.Event()
        self._is_ending = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Project until `stopping` is set. What was begun is finished."""
        try:
            await accompanied(self._both(), self._hear(stopping))
        finally:
            self._tell(0)

    async def _both(self) -> None:
        lanes = [asyncio.create_task(self._main()), asyncio.create_task(self._side())]
        try:
            ended, _ = await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await end_tasks(lane for lane in lanes if not lane.done())
        for lane in ended:
            lane.result()

    async def _hear(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._is_ending = True
        self._regroup.set()
        self._work.set()
        await asyncio.Event().wait()

    async def _main(self) -> None:
        while not self._is_ending:
            self._regroup.clear()
            part = self._part(set(range(PARTITIONS)) - set(self._apart))
            if not part.held:
                await self._regroup.wait()
                continue
            try:
                await self._main_lane(part, self._regroup, MainPace())
            except Overload as overload:
                self._apart.extend(sorted(overload.partitions))
                log.debug("set apart", partitions=sorted(overload.partitions))
                self._tell(len(self._apart))
                self._work.set()

    async def _side(self) -> None:
        while not self._is_ending:
            if not self._apart:
                self._work.clear()
                await self._work.wait()
                continue
            number = self._apart[0]
            turn = SideTurn(lambda: len(self._apart) > 1, lambda: self._is_ending)
            await self._side_lane(self._part({number}), turn, turn)
            self._apart.popleft()
            if turn.is_done:
                self._tell(len(self._apart))
                self._regroup.set()
            else:
                self._apart.append(number)

    def _part(self, numbers: Container[int]) -> LeasedPart:
        held = self._leases.held
        return LeasedPart(self._leases, tuple(one for one in held if one.partition in numbers))
