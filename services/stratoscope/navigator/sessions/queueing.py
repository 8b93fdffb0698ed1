"""Who moves a session next, among the requests of this process.

What makes moves right is the version that each finds; this only spares those who would find it
changed from asking for nothing. It knows a session as long as somebody moves it.
"""

import asyncio
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

_QUEUES: Final[WeakValueDictionary[UUID, asyncio.Lock]] = WeakValueDictionary()


def turn_at(session_id: UUID) -> asyncio.Lock:
    """Held by whoever moves a session just now; to be kept by who waits for it."""
    found = _QUEUES.get(session_id)
    if found is None:
        found = _QUEUES[session_id] = asyncio.Lock()
    return found
