"""A budget of bytes for the documents that requests hold at a time.

A request claims what its document takes before it is read, and holds the claim until its reply is
sent or spilled. One that finds too little left waits its turn. A small document claims nothing.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

from stratoscope.navigator.threads import LARGE
from stratoscope_contracts.errors import OverBudget

_MIB: Final = 1 << 20
BUDGET_BYTES: Final = 320 * _MIB
# Well within the time of a request.
PATIENCE_SECONDS: Final = 10.0
# The blobs, what they unfold to, the reply, and the reply once more where it is spelled.
_COPIES: Final = 4
# Of a parsed document: 32 bytes of objects for each byte, as in `{},{},`, and at most a million.
_PARSED_PER_BYTE: Final = 32
_PARSED_MOST: Final = 96 * _MIB


def cost_of(size: int, *, is_parsed: bool = False) -> int:
    """The memory that a document of `size` bytes takes on its way to a reply, in bytes."""
    parsed = min(size * _PARSED_PER_BYTE, _PARSED_MOST) if is_parsed else 0
    return _COPIES * size + parsed


class DocumentBudget:
    """The bytes that are left, and the claims that wait, first come first served."""

    def __init__(self, capacity: int = BUDGET_BYTES) -> None:
        self.capacity = capacity
        self.free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Release at the end of the block whatever was claimed in it."""
        claim = _Claim(self)
        token = _claim.set(claim)
        try:
            yield
        finally:
            _claim.reset(token)
            claim.release()

    async def take(self, size: int) -> None:
        """Take bytes, once they are free; a size over the capacity takes all of it."""
        if size <= self.free and not self._waiting:
            self.free -= size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                # It was granted in the same turn of the loop.
                self.give(size)
            else:
                self._waiting.remove((size, turn))
                self.give(0)
            raise

    def give(self, size: int) -> None:
        """Give bytes back, and grant what waits and now fits."""
        self.free += size
        # A cancelled one is about to withdraw, and goes on with the next ones then.
        while self._waiting and not self._waiting[0][1].done() and self._waiting[0][0] <= self.free:
            wanted, turn = self._waiting.popleft()
            self.free -= wanted
            turn.set_result(None)


class _Claim:
    """What one request holds of a budget."""

    def __init__(self, budget: DocumentBudget) -> None:
        self._budget = budget
        self._held = 0

    async def raise_to(self, size: int) -> None:
        size = min(size, self._budget.capacity)
        if size <= self._held:
            return
        # Nothing is held while it waits, or two requests could wait for each other.
        self.release()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._budget.take(size)
                self._held = size
        except TimeoutError as error:
            raise OverBudget(
                "the memory for large documents is in use by other requests: ask again once one"
                " has ended, or for less at a time",
                {"seconds": PATIENCE_SECONDS, "size": size},
            ) from error

    def release(self) -> None:
        held, self._held = self._held, 0
        if held:
            self._budget.give(held)


_claim: ContextVar[_Claim | None] = ContextVar("claim", default=None)


async def claim(size: int) -> None:
    """Hold `size` bytes of the budget for this request, once they are free. Raises OverBudget."""
    if size > LARGE * _COPIES and (held := _claim.get()) is not None:
        await held.raise_to(size)
