"""Work on partitions that is done a step at a time, the partitions in turn."""

from collections import deque
from collections.abc import AsyncIterator
from time import monotonic
from typing import Final

# Work that was begun holds records in memory, of a message of ten thousand at most each: the work
# of more partitions than these is begun when that of others has ended.
_BEGUN: Final = 6


class Turns:
    """The partitions that have work left; each has its pieces done in the order they came in."""

    def __init__(self) -> None:
        self._work: dict[int, deque[AsyncIterator[None]]] = {}
        # The first partition is next; those behind the first few have no turns yet.
        self._order: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._work)

    def __contains__(self, partition: int) -> bool:
        return partition in self._work

    async def begin(self, partition: int, steps: AsyncIterator[None], seconds: float) -> None:
        """Do a piece of work for at most so long, to the end of a step; what is left has turns.

        Behind earlier work of the partition, or of many others, it has turns from the start.
        """
        is_next = partition not in self._work and len(self._work) < _BEGUN
        if partition not in self._work:
            self._work[partition] = deque()
            self._order.append(partition)
        self._work[partition].append(steps)
        until = monotonic() + seconds
        while is_next and partition in self._work and monotonic() < until:
            await self._step(partition)

    async def take(self) -> int | None:
        """Do a step of the partition that is next; the partition where nothing is left of it."""
        if not self._order:
            return None
        partition = self._order[0]
        await self._step(partition)
        if partition not in self._work:
            return partition
        self._order.remove(partition)
        self._order.insert(_BEGUN - 1, partition)
        return None

    def skip(self, partition: int) -> None:
        """Leave undone what is left of the first piece of work on a partition."""
        self._work[partition].popleft()
        if not self._work[partition]:
            self.drop(partition)

    def drop(self, partition: int) -> None:
        """Leave undone what is left of a partition."""
        if self._work.pop(partition, None) is not None:
            self._order.remove(partition)

    async def _step(self, partition: int) -> None:
        try:
            await anext(self._work[partition][0])
        except StopAsyncIteration:
            self.skip(partition)
