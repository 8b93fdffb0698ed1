"""Exports written by hand, whole or damaged."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid5

import orjson
import pytest

from stratoscope.domain.exchange.checking import Check, Survey
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats import read, writer
from stratoscope.navigator.exchange.formats.entries import Bounds, Entry
from stratoscope_contracts.exchange import Member
from stratoscope_contracts.sessions import ExportFormat
from stratoscope_contracts.words import render_time

Json = dict[str, Any]
Members = list[tuple[Member, Json]]

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
BOUNDS = Bounds(entry_bytes=1 << 20, all_bytes=8 << 20)
FORMS: tuple[ExportFormat, ...] = ("json", "binary", "archive")
_NAMES = UUID("3f6c1f2e-2a3b-4c4d-8e5f-60718293a4b5")


def an_id(number: int) -> UUID:
    """The same id for the same number."""
    return uuid5(_NAMES, str(number))


def at(seconds: float) -> str:
    """A moment."""
    return render_time(START + timedelta(seconds=seconds))


def head(**fields: Any) -> Json:
    """The head of an export."""
    return {
        "stratoscope_export": 1,
        "written_by": "a test",
        "exported_at": at(100),
        "space": "default",
        "agent": "walker",
        "events": 0,
        "snapshots": 0,
    } | fields


def session(**fields: Any) -> Json:
    """A session that stands before all records."""
    return {
        "id": str(an_id(-1)),
        "state": "active",
        "created_at": at(0),
        "position": {"event_index": -1},
        "current": 0,
    } | fields


def event(index: int, seq: int, **fields: Any) -> Json:
    """An event of its own message."""
    return {
        "kind": "event",
        "id": str(an_id(seq)),
        "type": "state_change",
        "occurred_at": at(seq),
        "event_index": index,
        "stream_seq": seq,
        "ordinal": 0,
        "recorded_at": at(seq),
    } | fields


def snapshot(index: int, seq: int, state: Any, **fields: Any) -> Json:
    """A snapshot of its own message."""
    return event(index, seq, kind="snapshot", state=state) | fields


def document(records: list[Json], *others: tuple[Member, Json], **fields: Any) -> Members:
    """All members of an export with these records."""
    events = sum(one["kind"] == "event" for one in records)
    snapshots = sum(one["kind"] == "snapshot" and not one.get("base") for one in records)
    counts = {"events": events, "snapshots": snapshots}
    return [
        ("head", head(**counts, **fields)),
        ("session", session()),
        *others,
        *(("records", one) for one in records),
        ("end", counts),
    ]


def entries(members: Members) -> list[Entry]:
    """As writers take them."""
    return [Entry(member, orjson.dumps(value)) for member, value in members]


def spelled(members: Members, form: ExportFormat) -> bytes:
    """An export as bytes."""
    writing = writer(form, START)
    return writing.write(entries(members)) + writing.finish()


def file(members: Members, form: ExportFormat = "json") -> BytesIO:
    """An export as a file."""
    return BytesIO(spelled(members, form))


def surveyed(members: Members) -> Survey:
    """What is found in an export. Raises Damaged."""
    check = Check()
    for member, value in members:
        check.take(member, value, len(orjson.dumps(value)))
    return check.finish()


def told(data: bytes, bounds: Bounds = BOUNDS) -> Members:
    """What a reader makes of some bytes. Raises Damaged."""
    return [(entry.member, orjson.loads(entry.raw)) for entry in read(BytesIO(data), bounds)]


def damage(data: bytes, bounds: Bounds = BOUNDS) -> str:
    """What is found wrong."""
    with pytest.raises(Damaged) as found:
        told(data, bounds)
    return str(found.value)
