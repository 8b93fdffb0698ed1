"""Reaching a place of one timeline, and what stands around there, in one question."""

from typing import Any

import asyncpg

from stratoscope.domain.seek import MAX_STREAM_SEQ, Stand, UpTo
from stratoscope.store.sql import queries
from stratoscope.store.states import Standing, standing_in
from stratoscope.store.timelines import Timeline

_SQL = queries("reaching")
_NOTHING = UpTo()


async def reach(
    session: asyncpg.Connection, timeline: Timeline, target: Stand | UpTo
) -> tuple[Stand, Standing]:
    """Where a target is, and what stands around there; it may be before the horizon."""
    bounds = bounds_of(timeline, target)
    standing = standing_in(await session.fetchrow(_SQL["reach"], *bounds))
    return Stand(standing.event_index, standing.version, bounds[-1]), standing


def bounds_of(timeline: Timeline, target: Stand | UpTo) -> tuple[Any, ...]:
    """The timeline, where in it to look and for what, up to which message it is known to reach."""
    match target:
        case Stand():
            events = (target.event_index, target.event_index + 1)
            versions = (target.version, target.version + 1)
            bound, until = _NOTHING, target.until
        case UpTo():
            # An index says itself where it is.
            known = target.event_index
            events = (-1, timeline.events) if known is None else (known, known + 1)
            versions = (-1, timeline.versions)
            bound, until = target, _last_message(target)
    place = bound.place or (None, None)
    looked = (bound.clock, bound.recorded_at, *place, bound.event_index)
    return (timeline.agent_id, *events, *versions, *looked, until)


def _last_message(up_to: UpTo) -> int | None:
    """The last message within a bound, where that is known."""
    if up_to.place is None or up_to.place.stream_seq == MAX_STREAM_SEQ:
        return None
    return up_to.place.stream_seq
