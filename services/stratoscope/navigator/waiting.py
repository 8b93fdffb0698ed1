"""Waiting until the projection has passed a message.

The projector says after each commit how far it is; what it says may be lost, so the checkpoints
themselves are read too: when somebody starts to wait, and then again and again while anybody does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog

from stratoscope_contracts.errors import NotProjectedYet

ReadWatermarks = Callable[[], Awaitable[Mapping[int, int]]]
log = structlog.get_logger(__name__)


class Waiting:
    """How far each partition is known to be, and who waits for more."""

    def __init__(self, read: ReadWatermarks, *, every: float = 0.25) -> None:
        self._read = read
        self._every = every
        self._reached: dict[int, int] = {}
        self._waiters: set[asyncio.Event] = set()
        self._polling: asyncio.Task[None] | None = None
        self._given_up = False
        # How often what was known turned out to be no longer so.
        self.forgotten = 0

    def heard(self, partitions: Collection[int], stream_seq: int) -> None:
        """Partitions are projected up to a message."""
        self._learn(dict.fromkeys(partitions, stream_seq))

    async def until(self, partitions: Collection[int], stream_seq: int, seconds: float) -> None:
        """Return once all these partitions have passed a message; NotProjectedYet in time."""
        if not self._missing(partitions, stream_seq):
            return
        # News may be on its way or lost: nobody is told to wait for what is there already.
        self._learn(await self._read())
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

    def give_up(self) -> None:
        """Let nobody wait any longer: the process is about to end."""
        self._given_up = True
        self._wake()

    async def close(self) -> None:
        """Stop looking."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def _pass(self, partitions: Collection[int], stream_seq: int) -> None:
        news = asyncio.Event()
        self._waiters.add(news)
        try:
            while self._missing(partitions, stream_seq):
                if self._given_up:
                    raise TimeoutError
                self._poll()
                await news.wait()
                news.clear()
        finally:
            self._waiters.discard(news)

    def _poll(self) -> None:
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._look(), name="watermarks")

    async def _look(self) -> None:
        while self._waiters:
            await asyncio.sleep(self._every)
            try:
                self._learn(await self._read())
            except Exception:
                # Whoever waits is told that it took too long; the log says why.
                log.warning("the checkpoints could not be read", exc_info=True)

    def _learn(self, reached: Mapping[int, int]) -> None:
        for partition, stream_seq in reached.items():
            if stream_seq > self._reached.get(partition, -1):
                self._reached[partition] = stream_seq
        self._wake()

    def _wake(self) -> None:
        for news in self._waiters:
            news.set()

    def _missing(self, partitions: Collection[int], stream_seq: int) -> bool:
        return any(self._reached.get(number, -1) < stream_seq for number in partitions)

    def _not_yet(self, partitions: Collection[int], stream_seq: int) -> NotProjectedYet:
        reached = min(self._reached.get(number, 0) for number in partitions)
        return NotProjectedYet(
            f"projected up to {reached}, {stream_seq} was waited for",
            {"reached": reached, "wanted": stream_seq},
        )
