"""Reaching a place of one timeline, and what stands around there, in one question."""

from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from stratoscope.domain.seek import MAX_STREAM_SEQ, Stand, UpTo
from stratoscope.domain.timeline import Place
from stratoscope.store.sql import queries
from stratoscope.store.states import Standing, standing_in
from stratoscope.store.timelines import Timeline

_SQL = queries("reaching")
_NOTHING = UpTo()


@dataclass(frozen=True, slots=True)
class Beside:
    """The state version in force at a place, and right after a snapshot beside it, if any."""

    version: int
    snapshot: Stand | None


async def reach(
    session: asyncpg.Connection, timeline: Timeline, target: Stand | UpTo
) -> tuple[Stand, Standing]:
    """Where a target is, and what stands around there; it may be before the horizon."""
    bounds = bounds_of(timeline, target)
    standing = standing_in(await session.fetchrow(_SQL["reach"], *bounds))
    return Stand(standing.event_index, standing.version, bounds[-1]), standing


async def snapshot_beside(
    session: asyncpg.Connection,
    timeline: Timeline,
    place: Place | None,
    side: Literal["next", "previous"],
) -> Beside:
    """The nearest snapshot on one side of a record, None before all; it may be gone already."""
    found = await session.fetchrow(
        _SQL[f"{side}_snapshot"], timeline.agent_id, timeline.versions, *(place or (None, None))
    )
    version, snapshot, event_index, stream_seq = found
    return Beside(version, None if snapshot is None else Stand(event_index, snapshot, stream_seq))


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
