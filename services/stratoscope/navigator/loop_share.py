"""Fair shares of the event loop's time: requests of all spaces take turns, step by step.

A request is a task, and a task runs in steps: from one `await` that waits to the next one. Without
turns, steps run in the order in which they become ready, and a request waits behind all that
another space has sent. Here `domain.shares.FairTime` decides whose step runs next. A step is never
interrupted, so what takes long has to be cut into steps, or belongs in a thread or a process.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Generator
from time import monotonic, thread_time
from typing import Any, Final

from stratoscope.domain.shares import FairTime

# Steps run at once for so long in each iteration of the loop; further ones wait for their turn.
_AT_ONCE_SECONDS: Final = 0.0005
# Timers of uvloop have whole milliseconds: one of less would be due at once, again and again.
_TICK_SECONDS: Final = 0.001


class LoopShare:
    """Runs coroutines, each step in the turn of its space."""

    def __init__(self) -> None:
        self._time = FairTime()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        # Since the iteration of the loop began.
        self._spent = 0.0
        self._next: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None

    def start(self, space: str, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task whose steps wait for the turns of a space."""
        self._time.begin(space, monotonic())
        task = asyncio.create_task(_run(_Steps(self, space, work)), name=name)

        def end(_: asyncio.Task[None]) -> None:
            # One that is cancelled before its first step would leave a coroutine that never ran.
            work.close()
            self._time.end(space)

        task.add_done_callback(end)
        return task

    def is_free(self, space: str) -> bool:
        """Whether a step may run at once."""
        if self._spent >= _AT_ONCE_SECONDS or space in self._waiting:
            return False
        now = monotonic()
        first, due = self._time.choose((space, *self._waiting), now)
        return first == space and due <= now

    def turn(self, space: str) -> asyncio.Future[None]:
        """Wait for a turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(space, deque()).append(turn)
        self._give_soon()
        return turn

    def charge(self, space: str, begun: float, begun_at: float) -> None:
        """Count a step that ends now: begun at a processor time of this thread, and when."""
        used, now = thread_time() - begun, monotonic()
        self._time.charge(space, used, now - begun_at, now)
        self._spent += used
        self._give_soon()

    def _give_soon(self) -> None:
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        """Begin an iteration of the loop with the next turn that is due."""
        self._next = None
        self._spent = 0.0
        if self._later is not None:
            self._later.cancel()
            self._later = None
        while self._waiting:
            now = monotonic()
            space, due = self._time.choose(self._waiting, now)
            if due > now:
                loop = asyncio.get_running_loop()
                self._later = loop.call_later(due - now + _TICK_SECONDS, self._give_soon)
                return
            turn = self._pop(space)
            # One that was cancelled waits no more.
            if not turn.done():
                turn.set_result(None)
                if self._waiting:
                    self._give_soon()
                return

    def _pop(self, space: str) -> asyncio.Future[None]:
        turns = self._waiting[space]
        turn = turns.popleft()
        if not turns:
            del self._waiting[space]
        return turn


class _Steps:
    """A coroutine whose steps wait for their turn."""

    def __init__(self, share: LoopShare, space: str, work: Coroutine[Any, Any, None]) -> None:
        self._share = share
        self._space = space
        self._work = work

    def __await__(self) -> Generator[Any, Any, None]:
        share, space, work = self._share, self._space, self._work
        value: Any = None
        error: BaseException | None = None
        while True:
            if not share.is_free(space):
                try:
                    yield from share.turn(space)
                except BaseException as cancelled:
                    error = cancelled
            begun, begun_at = thread_time(), monotonic()
            try:
                awaited = work.send(value) if error is None else work.throw(error)
            except StopIteration:
                return
            finally:
                share.charge(space, begun, begun_at)
            value = error = None
            try:
                value = yield awaited
            except BaseException as thrown:
                error = thrown


async def _run(steps: _Steps) -> None:
    await steps
