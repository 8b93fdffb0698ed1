"""A budget of bytes for the documents that requests hold at a time.

A request claims what its document takes before it is read, and holds the claim until its reply is
sent or spilled. One that finds too little left waits its turn. A small document claims nothing.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from stratoscope.domain.shares import FairBytes
from stratoscope.navigator.threads import LARGE
from stratoscope_contracts.errors import OverBudget

_MIB: Final = 1 << 20
BUDGET_BYTES: Final = 320 * _MIB
# Well within the time of a request.
PATIENCE_SECONDS: Final = 10.0
# The blobs, what they unfold to, the reply, and the reply once more where it is spelled.
_COPIES: Final = 4
# As it came, as text of up to four bytes a character, as UTF-8, and the reply.
_TEXT_COPIES: Final = 8
# Of a parsed document: 32 bytes of objects for each byte, as in `{},{},`, and at most a million.
_PARSED_PER_BYTE: Final = 32
_PARSED_MOST: Final = 96 * _MIB


def cost_of(size: int, *, is_parsed: bool = False) -> int:
    """The memory that a document of `size` bytes takes on its way to a reply, in bytes."""
    parsed = min(size * _PARSED_PER_BYTE, _PARSED_MOST) if is_parsed else 0
    return _COPIES * size + parsed


def cost_of_events(size: int) -> int:
    """The memory that events of `size` bytes take, read as text, on their way to a reply."""
    return _TEXT_COPIES * size


@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    """A claim that waits for its turn."""

    size: int
    turn: asyncio.Future[None]


class DocumentBudget:
    """The bytes that are left, and the claims that wait.

    A space that is alone may hold three quarters, so that another finds some free at once. The
    space that holds the least is served first, and the claims of one space in turn.
    """

    def __init__(self, capacity: int = BUDGET_BYTES) -> None:
        self._shares = FairBytes(capacity)
        self._waiting: OrderedDict[str, deque[_Wait]] = OrderedDict()

    @property
    def free(self) -> int:
        """How many bytes are not taken."""
        return self._shares.free

    @property
    def most(self) -> int:
        """What a claim is counted as at most: as many bytes as one space may hold."""
        return self._shares.alone

    @asynccontextmanager
    async def request(self, space: str = "") -> AsyncIterator[None]:
        """Release at the end of the block whatever was claimed in it."""
        claim = _Claim(self, space)
        token = _claim.set(claim)
        try:
            yield
        finally:
            _claim.reset(token)
            claim.release()

    async def take(self, space: str, size: int) -> None:
        """Take at most `most` bytes, once they are free."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        wait = _Wait(size, turn)
        self._waiting.setdefault(space, deque()).append(wait)
        self._serve()
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                # It was granted in the same turn of the loop.
                self._shares.give_back(space, size)
            else:
                self._withdraw(space, wait)
            self._serve()
            raise

    def give(self, space: str, size: int) -> None:
        """Give bytes back, and grant what waits and now fits."""
        self._shares.give_back(space, size)
        self._serve()

    def _serve(self) -> None:
        while (space := self._next()) is not None:
            self._waiting[space].popleft().turn.set_result(None)
            # Of spaces that hold the same, the others are served before it is again.
            self._waiting.move_to_end(space)
            if not self._waiting[space]:
                del self._waiting[space]

    def _next(self) -> str | None:
        """The space whose first claim was taken just now."""
        for space in sorted(self._waiting, key=self._shares.held):
            first = self._waiting[space][0]
            # A cancelled one is about to withdraw.
            if not first.turn.done() and self._shares.take(space, first.size):
                return space
            if not self._shares.held(space):
                # It is next, or smaller claims of others would pass it for ever.
                self._waiting.move_to_end(space, last=False)
                return None
        return None

    def _withdraw(self, space: str, wait: _Wait) -> None:
        self._waiting[space].remove(wait)
        if not self._waiting[space]:
            del self._waiting[space]


class _Claim:
    """What one request holds of a budget."""

    def __init__(self, budget: DocumentBudget, space: str) -> None:
        self._budget = budget
        self._space = space
        self._held = 0

    async def raise_to(self, size: int) -> None:
        size = min(size, self._budget.most)
        if size <= self._held:
            return
        # Nothing is held while it waits, or two requests could wait for each other.
        self.release()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._budget.take(self._space, size)
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
            self._budget.give(self._space, held)


_claim: ContextVar[_Claim | None] = ContextVar("claim", default=None)


async def claim(size: int) -> None:
    """Hold `size` bytes of the budget for this request, once they are free. Raises OverBudget."""
    if size > LARGE * _COPIES and (held := _claim.get()) is not None:
        await held.raise_to(size)
