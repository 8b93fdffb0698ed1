"""Keeping the event loop free: what takes long runs beside it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

# Going through this many bytes takes about a millisecond, and a hop to a thread a tenth of one.
LARGE = 256 * 1024

P = ParamSpec("P")
T = TypeVar("T")


async def work_on(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do work over so many bytes, in a thread where they are many.

    A thread can't be ended: a cancelled caller returns once it has ended by itself, and so keeps
    what it claimed for as long as the thread holds memory.
    """
    if size <= LARGE:
        return work(*args, **kwargs)
    thread = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await _ended(thread)
        raise


async def _ended(thread: asyncio.Future[T]) -> None:
    while not thread.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([thread])
    if not thread.cancelled():
        # Looked at, or it would be reported as never retrieved.
        thread.exception()
