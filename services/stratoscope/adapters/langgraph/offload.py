"""Mapping and recording of large values in a thread, so that the graph's event loop goes on.

A state of ten megabytes takes seconds to be mapped. Its records come in the same order as any
other's, since a run waits for one part before it takes the next; so one part is held at a time.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

# What is mapped in a few milliseconds is not worth a thread.
MAX_VALUES: Final = 2_000
MAX_CHARACTERS: Final = 256 * 1024

Result = TypeVar("Result")


def is_large(*given: object) -> bool:
    """Whether values have more parts, or more text, than an event loop should wait for."""
    stack, values, characters = list(given), 0, 0
    while stack:
        item = stack.pop()
        if isinstance(item, (str, bytes, bytearray)):
            characters += len(item)
        else:
            members = _members(item)
            values += len(members)
            if values <= MAX_VALUES:
                stack.extend(members)
        if values > MAX_VALUES or characters > MAX_CHARACTERS:
            return True
    return False


def _members(item: object) -> Any:
    if isinstance(item, dict):
        return item.values()
    if isinstance(item, (list, tuple, set, frozenset)):
        return item
    members = getattr(item, "__dict__", None)
    return members.values() if isinstance(members, dict) else ()


async def finish(work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives. A cancellation waits for its end: a thread can't be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
