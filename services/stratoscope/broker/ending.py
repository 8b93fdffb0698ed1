"""Ending tasks that may swallow their cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_AGAIN: Final = 0.1


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended, whatever they end with.

    Once is not enough: up to Python 3.11 `wait_for` forgets a cancellation that comes together
    with its result, and nats-py catches some for good.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        ended, running = await asyncio.wait(running, timeout=_AGAIN)
        for task in ended:
            if not task.cancelled():
                task.exception()
