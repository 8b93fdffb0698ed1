"""Waiting until the projection has passed a message.

The projector says after each commit how far it is; what it says may be lost, so the checkpoints
themselves are read too: when somebody starts to wait, and then again and again while anybody does.
"""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from stratoscope.broker.ending import end_tasks
from stratoscope.telemetry.outage import Outage
from stratoscope_contracts.errors import NotProjectedYet

ReadWatermarks = Callable[[], Awaitable[Mapping[int, int]]]
_SWEPT_FROM: Final = 64
log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Waiter:
    """One that waits, and how many partitions have still to pass its message."""

    missing: int
    passed: asyncio.Event = field(default_factory=asyncio.Event)


class Waiting:
    """How far each partition is known to be, and who waits for more.

    News of a partition wakes those alone that it lets go on, so what it costs does not grow with
    how many wait.
    """

    def __init__(self, read: ReadWatermarks, *, every: float = 0.25) -> None:
        self._read = read
        self._every = every
        self._reached: dict[int, int] = {}
        # Of each partition a heap: message, a number that orders equal ones, who waits.
        self._heaps: dict[int, list[tuple[int, int, _Waiter]]] = {}
        self._numbers = itertools.count()
        self._waiters: set[_Waiter] = set()
        self._polling: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[Mapping[int, int]] | None = None
        self._given_up = False
        # Why the numbers of the log and those of the projection can't be compared.
        self._refusal: str | None = None
        self._outage = Outage(log, "the checkpoints could not be read")
        # How often what was known turned out to be no longer so.
        self.forgotten = 0

    def heard(self, partitions: Collection[int], stream_seq: int) -> None:
        """Partitions are projected up to a message."""
        self._learn(dict.fromkeys(partitions, stream_seq))

    async def until(self, partitions: Collection[int], stream_seq: int, seconds: float) -> None:
        """Return once all these partitions have passed a message; NotProjectedYet in time.

        Raises it at once where the log is not the one that was projected.
        """
        if self._refusal is not None:
            raise self._refused(partitions, stream_seq, self._refusal)
        if not self._missing(partitions, stream_seq):
            return
        # News may be on its way or lost: nobody is told to wait for what is there already.
        self._learn(await self._read_once())
        try:
            async with asyncio.timeout(seconds):
                await self._pass(partitions, stream_seq)
        except TimeoutError as error:
            raise self._not_yet(partitions, stream_seq) from error

    def forget(self) -> None:
        """What was known is of another projection, or the database's: whoever waits looks again."""
        self.forgotten += 1
        self._reached.clear()
        self._wake()

    def refuse(self, reason: str | None) -> None:
        """Let nobody wait for a message of a log that was not projected; None lets them again."""
        self._refusal = reason
        if reason is not None:
            self._wake()

    def give_up(self) -> None:
        """Let nobody wait any longer: the process is about to end."""
        self._given_up = True
        self._wake()

    async def close(self) -> None:
        """Stop looking."""
        await end_tasks([one for one in (self._polling, self._reading) if one is not None])

    async def _read_once(self) -> Mapping[int, int]:
        """The checkpoints, read after this call; callers that come meanwhile share the next read.

        However many begin to wait, they use one database session.
        """
        before = self._reading
        if before is not None and not before.done():
            await asyncio.wait([before])
        if self._reading is before:
            self._reading = asyncio.create_task(self._reads(), name="checkpoints")
        assert self._reading is not None
        return await asyncio.shield(self._reading)

    async def _reads(self) -> Mapping[int, int]:
        return await self._read()

    async def _pass(self, partitions: Collection[int], stream_seq: int) -> None:
        while missing := self._missing(partitions, stream_seq):
            if self._given_up:
                raise TimeoutError
            if self._refusal is not None:
                raise self._refused(partitions, stream_seq, self._refusal)
            waiter = _Waiter(len(missing))
            self._waiters.add(waiter)
            for partition in missing:
                entry = (stream_seq, next(self._numbers), waiter)
                heapq.heappush(self._heaps.setdefault(partition, []), entry)
            try:
                self._poll()
                await waiter.passed.wait()
            finally:
                self._waiters.discard(waiter)
                self._sweep()

    def _poll(self) -> None:
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._look(), name="watermarks")

    async def _look(self) -> None:
        while self._waiters:
            await asyncio.sleep(self._every)
            try:
                self._learn(await self._read_once())
                self._outage.end()
            except Exception as error:
                # Whoever waits is told that it took too long; the log says why.
                self._outage.fail(error)

    def _learn(self, reached: Mapping[int, int]) -> None:
        for partition, stream_seq in reached.items():
            if stream_seq > self._reached.get(partition, -1):
                self._reached[partition] = stream_seq
                self._let_go(partition, stream_seq)

    def _let_go(self, partition: int, stream_seq: int) -> None:
        heap = self._heaps.get(partition, [])
        while heap and heap[0][0] <= stream_seq:
            waiter = heapq.heappop(heap)[2]
            waiter.missing -= 1
            if not waiter.missing:
                waiter.passed.set()

    def _sweep(self) -> None:
        """Forget entries of those that wait no longer, before they are most of all."""
        if not self._waiters:
            self._heaps.clear()
            return
        for partition, heap in self._heaps.items():
            if len(heap) > 2 * len(self._waiters) + _SWEPT_FROM:
                kept = [entry for entry in heap if entry[2] in self._waiters]
                heapq.heapify(kept)
                self._heaps[partition] = kept

    def _wake(self) -> None:
        self._heaps.clear()
        for waiter in self._waiters:
            waiter.passed.set()

    def _missing(self, partitions: Collection[int], stream_seq: int) -> list[int]:
        return [number for number in partitions if self._reached.get(number, -1) < stream_seq]

    def _refused(
        self, partitions: Collection[int], stream_seq: int, reason: str
    ) -> NotProjectedYet:
        reached = min(self._reached.get(number, 0) for number in partitions)
        return NotProjectedYet(
            f"message {stream_seq} is not projected: {reason}",
            {"reached": reached, "wanted": stream_seq},
        )

    def _not_yet(self, partitions: Collection[int], stream_seq: int) -> NotProjectedYet:
        reached = min(self._reached.get(number, 0) for number in partitions)
        return NotProjectedYet(
            f"projected up to {reached}, {stream_seq} was waited for",
            {"reached": reached, "wanted": stream_seq},
        )
