"""A breakpoint as it is replied, and where each is found."""

from typing import Final
from uuid import UUID

import orjson

from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope_contracts.errors import BreakpointNotFound
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.words import ANY_AGENT, PARTITIONS

SESSION_OVER = "its session has ended"
# Whoever watches knows in milliseconds; one that hangs is not waited for, and misses nothing.
_KNOWN_WITHIN: Final = 2.0


def spelled_breakpoint(row: BreakpointRow, reading: Reading) -> Json:
    """Breakpoint; one whose session has outlived its time is no longer enabled."""
    is_over = row.is_over(reading.now)
    return {
        "id": str(row.id),
        "agent": row.agent,
        "condition": orjson.Fragment(row.condition),
        "is_enabled": row.is_enabled and not is_over,
        "hit_count": row.hit_count,
        "created_at": spelling.time(row.created_at),
        "session": str(row.session_id) if row.session_id else None,
        "trigger": row.trigger,
        "action": row.action,
        "hit": None if row.hit is None else orjson.Fragment(row.hit),
        "message": row.message,
        "metadata": orjson.Fragment(row.metadata),
        "armed_seq": row.armed_seq,
        "last_error": row.last_error,
        "disabled_reason": SESSION_OVER if is_over else row.disabled_reason,
    }


async def found(reading: Reading, breakpoint_id: UUID) -> BreakpointRow:
    """A breakpoint of the space. Raises BreakpointNotFound."""
    row = await reading.breakpoints.find(reading.space, breakpoint_id)
    if row is None:
        raise BreakpointNotFound("there is no breakpoint with this id")
    return row


async def watched_by_all(reading: Reading, agent: str, revision: int) -> None:
    """Return once all who watch for breakpoints know a change of one."""
    partitions = range(PARTITIONS) if agent == ANY_AGENT else [partition_of(reading.space, agent)]
    await reading.known(partitions, revision, _KNOWN_WITHIN)
