"""Tasks that end together, and tasks that swallow their cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
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


async def accompanied(main: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run work with endless work beside it: all end with the first, and its failure is raised."""
    tasks = [asyncio.create_task(one) for one in (main, *others)]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(task for task in tasks if not task.done())
    for task in ended:
        task.result()
