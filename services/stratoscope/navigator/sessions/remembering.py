"""What a session remembers: its navigation history, its figures, values kept with it."""

import orjson

from stratoscope.domain.canonical import canonical
from stratoscope.domain.sessions import MAX_VALUE_BYTES, MAX_VALUES
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.holding import config_of, found, locked
from stratoscope.navigator.sessions.placing import spelled_lines
from stratoscope.navigator.sessions.quota import check_session_bytes
from stratoscope.navigator.spelling import Json
from stratoscope.store.keepsakes import Keepsakes
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.sessions import (
    SessionDataGetRequest,
    SessionDataSetRequest,
    SessionRequest,
)


async def history(reading: Reading, request: SessionRequest) -> Json:
    """The places the session has stood at, oldest first."""
    row = await found(reading, request)
    slots = row.trail.slots(config_of(row).max_navigation_history)
    places = await reading.sessions.places(row.id, slots)
    lines = [(row.agent, row.timeline, place) for place in places]
    return {
        "positions": await spelled_lines(reading, lines),
        "current": row.trail.current - row.trail.first,
        "version": row.version,
    }


async def stats(reading: Reading, request: SessionRequest) -> Json:
    """What a session has seen; what is counted of its agent is what is kept of it."""
    row = await found(reading, request)
    tally = await reading.sessions.tally(reading.space, row)
    duration = (row.ended_at or reading.now) - row.created_at
    return {
        "session_id": str(row.id),
        "agent": row.agent,
        "state": row.state,
        "session_duration": max(duration.total_seconds(), 0.0),
        "snapshot_count": tally.snapshots,
        "diff_count": tally.diffs,
        "total_memory_usage": tally.memory_usage,
        "total_events": tally.events,
        "breakpoint_count": await reading.breakpoints.count(reading.space, row.id),
        "navigation_steps": row.navigation_steps,
        "custom_data_count": tally.values,
        "mark_count": tally.marks,
        "reason": row.reason,
        "version": row.version,
    }


async def data_set(reading: Reading, request: SessionDataSetRequest) -> Json:
    """Keeps a value with the session, whatever state it is in."""
    value = _value(request)
    keepsakes = Keepsakes(reading.session)
    async with locked(reading, request) as row:
        if not await keepsakes.has_room_for_value(row.id, request.key, MAX_VALUES):
            raise BadRequest.of_fields(("key", f"a session keeps at most {MAX_VALUES} values"))
        more = await keepsakes.put_value(row.id, request.key, value)
        await check_session_bytes(reading, more)
        await reading.sessions.touch(row.id, reading.now)
    return _told(request.key, value, row.version + 1)


async def data_get(reading: Reading, request: SessionDataGetRequest) -> Json:
    """A kept value."""
    row = await found(reading, request)
    value = None
    if "\0" not in request.key:
        value = await Keepsakes(reading.session).value(row.id, request.key)
    return _told(request.key, value, row.version)


def _told(key: str, value: str | None, version: int) -> Json:
    return {
        "key": key,
        "value": None if value is None else orjson.Fragment(value),
        "exists": value is not None,
        "version": version,
    }


def _value(request: SessionDataSetRequest) -> str:
    if "\0" in request.key:
        raise BadRequest.of_fields(("key", "a NUL can't be kept"))
    try:
        # All its numbers are finite: a request with another one is refused where it is decoded.
        spelled = canonical(request.value)
    except (TypeError, ValueError) as error:
        raise BadRequest.of_fields(("value", "it can't be kept as JSON")) from error
    if len(spelled) > MAX_VALUE_BYTES:
        raise BadRequest.of_fields(("value", f"it is larger than {MAX_VALUE_BYTES} bytes"))
    return spelled.decode()
