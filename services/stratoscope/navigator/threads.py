"""Keeping the event loop free: what takes long runs beside it."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

# Going through this many bytes takes about a millisecond, and a hop to a thread a tenth of one.
LARGE = 256 * 1024

P = ParamSpec("P")
T = TypeVar("T")


async def work_on(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do work over so many bytes, in a thread where they are many."""
    if size > LARGE:
        return await asyncio.to_thread(work, *args, **kwargs)
    return work(*args, **kwargs)
