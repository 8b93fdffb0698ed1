"""A breakpoint as it is replied, and where each is found."""

from uuid import UUID

import orjson

from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope_contracts.errors import BreakpointNotFound

SESSION_OVER = "its session has ended"


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
