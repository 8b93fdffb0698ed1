"""Replies as JSON: what is stored as JSON is spliced in as it is, and never spelled anew."""

from datetime import datetime
from typing import Any

import orjson

from stratoscope.domain.timeline import BEFORE_FIRST, is_clamped, is_late
from stratoscope.store.fields import Written
from stratoscope.store.holds import HeldAgent
from stratoscope.store.sessions import SessionPlace
from stratoscope.store.states import Standing
from stratoscope.store.timelines import EventRow, Timeline, TracedRow
from stratoscope_contracts.words import render_time

Json = dict[str, Any]


def spelled(reply: Json) -> bytes:
    """The bytes of a reply."""
    return orjson.dumps(reply, option=orjson.OPT_UTC_Z)


def stored(text: str | bytes | None, absent: str = "{}") -> orjson.Fragment:
    """JSON that is spliced in."""
    return orjson.Fragment(absent if text is None else text)


def time(moment: datetime | None) -> str | None:
    """A time, if there is one."""
    return None if moment is None else render_time(moment)


def agent(timeline: Timeline, held: HeldAgent, now: datetime) -> Json:
    """AgentView."""
    return {
        "agent": timeline.agent,
        "events": timeline.kept_events,
        "snapshots": timeline.snapshots,
        "duplicates": timeline.duplicates,
        "first_at": time(timeline.first_at),
        "last_at": time(timeline.last_at),
        **holding(held, now),
        "horizon": horizon(timeline),
    }


def holding(held: HeldAgent, now: datetime) -> Json:
    """Who holds an agent, and whether it comes to its gate to be held."""
    gate = held.gate
    return {
        "held": bool(held.held_by) and gate is not None,
        "held_by": list(held.held_by),
        "gated": gate is not None,
        "waiting_since": time(gate.waits_since(now)) if gate and held.held_by else None,
    }


def horizon(timeline: Timeline) -> Json | None:
    """Where the timeline begins since retention dropped its beginning; null where it has all."""
    return timeline.horizon.told() if timeline.horizon else None


def event(row: EventRow) -> Json:
    """Event, its times as text: for whoever looks into it before it is sent."""
    times = {
        "occurred_at": render_time(row.occurred_at or row.clock),
        "recorded_at": render_time(row.recorded_at),
    }
    return listed_event(row) | times


def _left_to_orjson(moment: datetime) -> datetime | str:
    """A time as it is, where a reply spells it as `render_time` does, in a tenth of the time.

    It leaves out decimals that are all zero.
    """
    return moment if moment.microsecond else render_time(moment)


def listed_event(row: EventRow | TracedRow) -> Json:
    """Event, its times left to orjson: for replies that hold thousands, in half the time."""
    occurred_at, clock = row.occurred_at, row.clock
    listed: Json = {
        "id": str(row.id),
        "type": row.type,
        "occurred_at": _left_to_orjson(occurred_at or clock),
        "data": stored(row.data),
        "metadata": {} if row.metadata is None else orjson.Fragment(row.metadata),
        "causes": [str(cause) for cause in row.causes] if row.causes else (),
        "patch": () if row.patch is None else orjson.Fragment(row.patch),
        "agent": row.agent,
        "event_index": row.event_index,
        "stream_seq": row.stream_seq,
        "ordinal": row.ordinal,
        "recorded_at": _left_to_orjson(row.recorded_at),
        # Without a time of its own it occurred at the clock.
        "late": occurred_at is not None and is_late(occurred_at, clock),
        "clamped": occurred_at is not None and is_clamped(occurred_at, clock),
        "depth": row.depth,
    }
    if row.gap is not None:
        listed["gap"] = orjson.Fragment(row.gap)
    return listed


def written(agent_name: str, place: Written) -> Json:
    """Position, right after a state was set; its times are spelled with the reply."""
    return {
        "agent": agent_name,
        "event_index": place.event_index,
        "event_id": str(place.event_id) if place.event_id else None,
        "stream_seq": place.stream_seq,
        "ordinal": place.ordinal,
        "occurred_at": _left_to_orjson(place.occurred_at),
        "recorded_at": _left_to_orjson(place.recorded_at),
        "snapshot_id": str(place.snapshot_id) if place.snapshot_id else None,
        "state_event_index": place.event_index,
    }


def position(agent_name: str, standing: Standing) -> Json:
    """Position; before the first event its times are those of the last record passed."""
    last, timed = standing.last, standing.event or standing.state
    return {
        "agent": agent_name,
        "event_index": standing.event_index,
        "event_id": str(standing.event_id) if standing.event_id else None,
        "stream_seq": last.place.stream_seq if last else None,
        "ordinal": last.place.ordinal if last else None,
        "occurred_at": time(timed.occurred_at) if timed else None,
        "recorded_at": time(timed.recorded_at) if timed else None,
        "snapshot_id": str(standing.snapshot_id) if standing.snapshot_id else None,
        "state_event_index": standing.state_event_index,
    }


def before_everything(agent_name: str) -> Json:
    """The position in the timeline of an agent that is not there yet."""
    names = ("event_id", "stream_seq", "ordinal", "occurred_at", "recorded_at", "snapshot_id")
    return {
        "agent": agent_name,
        "event_index": BEFORE_FIRST,
        **dict.fromkeys(names),
        "state_event_index": BEFORE_FIRST,
    }


def somewhere_gone(agent_name: str, stands: SessionPlace) -> Json:
    """The position of a place that retention has dropped."""
    return before_everything(agent_name) | {
        "event_index": stands.event_index,
        "stream_seq": stands.place.stream_seq if stands.place else None,
        "ordinal": stands.place.ordinal if stands.place else None,
    }
