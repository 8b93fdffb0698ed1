"""A session and its timeline as entries, in the order of an export, a page at a time.

Events and snapshots stand in tables of their own, each in the log's order: they are read side by
side and merged. What costs time (unfolding states, spelling) is done in a thread, page by page.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

import orjson

from stratoscope.domain.delta import Frame, unfold_all
from stratoscope.domain.seek import UpTo
from stratoscope.domain.timeline import BEFORE_FIRST, Place
from stratoscope.navigator.breakpoints.telling import spelled_breakpoint
from stratoscope.navigator.exchange.formats.entries import Entry
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.holding import config_of
from stratoscope.navigator.spelling import Json, stored
from stratoscope.store.exchange import EventOut, Outgoing, VersionOut, breakpoints_of
from stratoscope.store.keepsakes import Keepsakes
from stratoscope.store.sessions import SessionPlace, SessionRow
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.exchange import EXPORT_VERSION, Member
from stratoscope_contracts.version import __version__
from stratoscope_contracts.words import render_time

_BASE_LABEL: Final = "what was kept begins here"


class _Placed(Protocol):
    @property
    def place(self) -> Place: ...


Row = TypeVar("Row", bound=_Placed)


@dataclass(frozen=True, slots=True)
class Extent:
    """What of a timeline is exported: behind an event and a version, after a base where it has one.

    `first` is the index of the first event.
    """

    after_event: int
    after_version: int
    base: VersionOut | None = None

    @property
    def first(self) -> int:
        """The first event's index."""
        return self.after_event + 1


NOTHING: Final = Extent(BEFORE_FIRST, BEFORE_FIRST)


@dataclass(frozen=True, slots=True)
class Page:
    """Records, and how many of each kind; a base counts as neither."""

    entries: list[Entry]
    events: int
    snapshots: int


async def extent_of(reading: Reading, timeline: Timeline, out: Outgoing) -> Extent:
    """From the beginning; from the state at the horizon where that was dropped."""
    shown = timeline.first_shown - 1
    if timeline.first_position <= BEFORE_FIRST:
        return Extent(BEFORE_FIRST, shown)
    # Before its first event, unless that is what set the state: a base stands for it then.
    before = timeline.first_position - 1
    place = await out.place_of(timeline.first_position)
    _, version = await reading.timelines.seek(timeline, UpTo(place=place))
    if version < timeline.first_version:
        return Extent(before, shown)
    base = await out.version(version)
    if base.id is not None and version > shown:
        return Extent(before, version - 1)
    # What set it was dropped, be it a snapshot: only its state is left.
    base = replace(base, id=None, metadata=None, label=None, memory_usage=None)
    return Extent(before if base.place < place else before + 1, max(version, shown), base)


async def preface(
    reading: Reading, row: SessionRow, timeline: Timeline | None, extent: Extent
) -> list[Entry]:
    """All entries before the records."""
    keepsakes = Keepsakes(reading.session)
    slots = row.trail.slots(config_of(row).max_navigation_history)
    places = await reading.sessions.places(row.id, slots)
    watched = await breakpoints_of(reading.session, reading.space, row.agent, row.id)
    values = await keepsakes.values(row.id)
    return [
        _entry("head", _head(reading, row.agent, timeline, extent)),
        _entry("session", _session(row)),
        *(_entry("breakpoints", spelled_breakpoint(one, reading)) for one in watched),
        *(_entry("history", _place(one)) for one in places),
        *(_entry("data", {"key": key, "value": stored(values[key])}) for key in sorted(values)),
        *(
            _entry(
                "marks",
                {
                    "name": mark.name,
                    "note": mark.note,
                    "created_at": render_time(mark.created_at),
                    "position": _place(mark.stands),
                },
            )
            for mark in await keepsakes.marks(row.id)
        ),
    ]


async def records(out: Outgoing, extent: Extent) -> AsyncIterator[Page]:
    """The records, a page at a time."""
    if extent.base is not None:
        frames = await out.frames([extent.base])
        yield await asyncio.to_thread(_spelled, [extent.base], frames)
    events = _Ahead(out.events, lambda one: one.event_index, extent.after_event)
    snapshots = _Ahead(out.snapshots, lambda one: one.version, extent.after_version)
    while await events.fill() | await snapshots.fill():
        until = min(ahead.until for ahead in (events, snapshots) if ahead.rows)
        page: list[EventOut | VersionOut] = [*events.take(until), *snapshots.take(until)]
        frames = await out.frames([one for one in page if isinstance(one, VersionOut)])
        yield await asyncio.to_thread(_spelled, page, frames)


def end(events: int, snapshots: int) -> Entry:
    """The last entry."""
    return _entry("end", {"events": events, "snapshots": snapshots})


@dataclass(slots=True)
class _Ahead(Generic[Row]):
    """Rows of one kind that were read and not yet passed on."""

    read: Callable[[int], Awaitable[list[Row]]]
    number: Callable[[Row], int]
    after: int
    rows: list[Row] = field(default_factory=list)

    @property
    def until(self) -> Place:
        """Up to here nothing is missing."""
        return self.rows[-1].place

    async def fill(self) -> bool:
        """Read on where all is passed on; whether there is anything."""
        if not self.rows:
            self.rows = await self.read(self.after)
        return bool(self.rows)

    def take(self, until: Place) -> list[Row]:
        """What stands at or before a place."""
        count = sum(row.place <= until for row in self.rows)
        taken, self.rows = self.rows[:count], self.rows[count:]
        if taken:
            self.after = self.number(taken[-1])
        return taken


def _spelled(rows: Sequence[EventOut | VersionOut], frames: dict[int, Frame]) -> Page:
    states = unfold_all(frames, [row.version for row in rows if isinstance(row, VersionOut)])
    told = [
        _event(row) if isinstance(row, EventOut) else _version(row, states)
        for row in sorted(rows, key=lambda row: row.place)
    ]
    return Page(
        [_entry("records", one) for one in told],
        sum(isinstance(row, EventOut) for row in rows),
        sum(isinstance(row, VersionOut) and row.id is not None for row in rows),
    )


def _event(row: EventOut) -> Json:
    told: Json = {
        "kind": "event",
        "id": str(row.id),
        "type": row.type,
        "occurred_at": render_time(row.occurred_at),
        "data": stored(row.data),
        "event_index": row.event_index,
    }
    if row.causes:
        told["causes"] = [str(cause) for cause in row.causes]
    if row.patch:
        told["patch"] = stored(row.patch)
    if row.gap:
        told["gap"] = stored(row.gap)
    return told | _stands(row)


def _version(row: VersionOut, states: dict[int, bytes]) -> Json:
    told: Json = {
        "kind": "snapshot",
        "occurred_at": render_time(row.occurred_at),
        "state": stored(states[row.version]),
        "event_index": row.event_index,
    }
    if row.id is None:
        return told | {"base": True, "label": _BASE_LABEL} | _stands(row)
    optional = {"memory_usage": row.memory_usage, "label": row.label}
    given = {name: value for name, value in optional.items() if value is not None}
    return told | {"id": str(row.id)} | given | _stands(row)


def _stands(row: EventOut | VersionOut) -> Json:
    told: Json = {
        "stream_seq": row.stream_seq,
        "ordinal": row.ordinal,
        "recorded_at": render_time(row.recorded_at),
    }
    if row.metadata and row.metadata != "{}":
        told["metadata"] = stored(row.metadata)
    if row.traceparent:
        told["traceparent"] = row.traceparent
    return told


def _head(reading: Reading, agent: str, timeline: Timeline | None, extent: Extent) -> Json:
    horizon = timeline.horizon if timeline else None
    return {
        "stratoscope_export": EXPORT_VERSION,
        "written_by": f"stratoscope {__version__}",
        "exported_at": render_time(reading.now),
        "space": reading.space,
        "agent": agent,
        "events": timeline.events - extent.first if timeline else 0,
        "snapshots": timeline.snapshots if timeline else 0,
        "first_event_index": extent.first,
        "horizon": horizon.told() if horizon else None,
    }


def _session(row: SessionRow) -> Json:
    return {
        "id": str(row.id),
        "state": row.state,
        "created_at": render_time(row.created_at),
        "name": row.name,
        "description": row.description,
        "tags": list(row.tags),
        "config": orjson.Fragment(row.config),
        "position": _place(row.stands),
        "current": row.trail.current - row.trail.first,
    }


def _place(place: SessionPlace) -> Json:
    return {
        "event_index": place.event_index,
        "stream_seq": place.place.stream_seq if place.place else None,
        "ordinal": place.place.ordinal if place.place else None,
        "clock": _time(place.clock),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else render_time(moment)


def _entry(member: Member, value: Json) -> Entry:
    return Entry(member, orjson.dumps(value))
