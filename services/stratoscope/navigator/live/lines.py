"""Rows of an agent, as they were told or read, as records in the order of the log."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from stratoscope.broker.feed import Committed, Recorded, Row
from stratoscope.domain.timeline import Place
from stratoscope.domain.watching.armed import Record
from stratoscope.store.timelines import EventRow

# Where the columns stand in the row of an event and of a version; see `projector.feeding`.
_SEQ, _ORDINAL = 1, 7
_VERSION_SEQ, _VERSION_ORDINAL = 2, 3
_DEPTH: Final = 8
_SIZE: Final = 9


@dataclass(slots=True)
class Line:
    """A record of an agent, with the row of its event where it is one.

    `size` is that of the state that it set, in bytes.
    """

    told: Recorded
    record: Record
    event: Row | None
    types: Mapping[int, str]
    size: int = 0

    def event_row(self) -> EventRow | None:
        """The event as it is stored; None for a snapshot."""
        row = self.event
        if row is None:
            return None
        occurred_at = None if row[4] is None else moment(row[4])
        return EventRow(
            event_index=row[0],
            stream_seq=row[1],
            ordinal=row[7],
            clock=self.record.clock,
            recorded_at=self.record.recorded_at,
            occurred_at=occurred_at,
            id=uuid_of(row[9]),
            type=self.types[row[6]],
            agent=self.told.agent,
            depth=self.record.depth,
            data=row[10],
            metadata=row[11],
            causes=row[12],
            patch=row[13],
        )


def lines_of(committed: Committed, told: Recorded) -> Iterator[Line]:
    """An agent's records of a batch, in order."""
    version = told.version
    clock = None if told.clock is None else moment(told.clock)
    versions = iter(told.versions)
    next_version = next(versions, None)
    for event in told.events:
        place = Place(event[_SEQ], event[_ORDINAL])
        while next_version is not None and _place(next_version) < place:
            line = _snapshot(committed, told, next_version, version, clock)
            yield line
            version, clock = line.record.version, line.record.clock
            next_version = next(versions, None)
        patch = None
        if next_version is not None and _place(next_version) == place:
            patch, next_version = next_version, next(versions, None)
        line = _event(committed, told, event, place, patch, version, clock)
        yield line
        version, clock = line.record.version, line.record.clock
    while next_version is not None:
        line = _snapshot(committed, told, next_version, version, clock)
        yield line
        version, clock = line.record.version, line.record.clock
        next_version = next(versions, None)


def moment(value: Any) -> datetime:
    """A time as it was read or told."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _place(version: Row) -> Place:
    return Place(version[_VERSION_SEQ], version[_VERSION_ORDINAL])


def _event(
    committed: Committed,
    told: Recorded,
    event: Row,
    place: Place,
    patch: Row | None,
    version: int,
    clock: datetime | None,
) -> Line:
    record = Record(
        place=place,
        event_index=event[0],
        clock=moment(event[2]),
        clock_before=clock,
        recorded_at=moment(event[3]),
        version=version if patch is None else patch[0],
        version_before=version,
        is_event=True,
        type=committed.types.get(event[6]),
        depth=event[_DEPTH],
        changed=() if patch is None else _changed(patch),
    )
    return Line(told, record, event, committed.types, 0 if patch is None else patch[_SIZE])


def _snapshot(
    committed: Committed, told: Recorded, row: Row, version: int, clock: datetime | None
) -> Line:
    record = Record(
        place=_place(row),
        event_index=row[1],
        clock=moment(row[4]),
        clock_before=clock,
        recorded_at=moment(row[5]),
        version=row[0],
        version_before=version,
        is_event=False,
        changed=_changed(row),
    )
    return Line(told, record, None, committed.types, row[_SIZE])


def _changed(version: Row) -> tuple[tuple[str | int, ...], ...] | None:
    paths: Sequence[Sequence[str | int]] | None = version[12]
    return None if paths is None else tuple(map(tuple, paths))


def uuid_of(value: Any) -> UUID:
    """An id as it was read or told."""
    return value if isinstance(value, UUID) else UUID(value)
