"""Is an export whole, and can an import take all of it? A left fold over its members.

Members come in one order, each at most once. Records stand in the order of the log that they come
from, their events without a gap, no id twice. The last member says how many there were: without it
the export was cut. Whatever intake would refuse is refused here, before anything is published.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar, assert_never, get_args

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from stratoscope.domain.canonical import canonical
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.domain.exchange.folding import States
from stratoscope.domain.exchange.ids import Ids
from stratoscope.domain.sessions import MAX_VALUE_BYTES, MAX_VALUES
from stratoscope.domain.timeline import Place
from stratoscope_contracts.breakpoints import Breakpoint
from stratoscope_contracts.errors import field_errors
from stratoscope_contracts.exchange import (
    EXPORT_VERSION,
    ExportEnd,
    ExportEvent,
    ExportHead,
    ExportMark,
    ExportPlace,
    ExportRecord,
    ExportSession,
    ExportSnapshot,
    ExportValue,
    Member,
)
from stratoscope_contracts.words import (
    MAX_BREAKPOINTS_AN_AGENT,
    MAX_METADATA_BYTES,
    MAX_REQUEST_BYTES,
    MAX_STATE_BYTES,
)

ORDER: Final[tuple[Member, ...]] = get_args(Member)
# Not lists.
_ALONE: Final[frozenset[Member]] = frozenset({"head", "session", "end"})
# What is not streamed, but kept while the records pass.
MAX_KEPT: Final = 20_000
MAX_KEPT_BYTES: Final = 64 << 20
MAX_TRACEPARENT: Final = 256
_MOST: Final[dict[type[BaseModel], int]] = {
    Breakpoint: MAX_BREAKPOINTS_AN_AGENT,
    ExportValue: MAX_VALUES,
}
_RECORD: Final[TypeAdapter[ExportEvent | ExportSnapshot]] = TypeAdapter(ExportRecord)
Model = TypeVar("Model", bound=BaseModel)


class KeptValues(Generic[Model]):
    """Values of a member, as JSON: decoded, they may take fifty times the memory of their text."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self.texts: list[bytes] = []

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Model]:
        """Decode one value at a time."""
        return (self._model.model_validate(orjson.loads(text)) for text in self.texts)


@dataclass(slots=True)
class Survey:
    """What was found in an export; the records themselves have passed."""

    heads: list[ExportHead] = field(default_factory=list)
    sessions: list[ExportSession] = field(default_factory=list)
    breakpoints: KeptValues[Breakpoint] = field(default_factory=lambda: KeptValues(Breakpoint))
    history: list[ExportPlace] = field(default_factory=list)
    data: KeptValues[ExportValue] = field(default_factory=lambda: KeptValues(ExportValue))
    marks: list[ExportMark] = field(default_factory=list)
    ends: list[ExportEnd] = field(default_factory=list)
    ids: Ids = field(default_factory=Ids)
    events: int = 0
    snapshots: int = 0
    bases: int = 0

    @property
    def head(self) -> ExportHead:
        """Of whom it is."""
        return self.heads[0]

    @property
    def session(self) -> ExportSession:
        """The session."""
        return self.sessions[0]

    @property
    def records(self) -> int:
        """How many there are, the base included."""
        return self.events + self.snapshots + self.bases

    def places(self) -> list[Place]:
        """Every place that has to land somewhere."""
        found = [self.session.position, *self.history, *(mark.position for mark in self.marks)]
        return [place for one in found if (place := place_of(one)) is not None]


def place_of(place: ExportPlace) -> Place | None:
    """The record that a place stands after; None before the first."""
    if place.stream_seq is None or place.ordinal is None:
        return None
    return Place(place.stream_seq, place.ordinal)


class Check:
    """One export, member by member."""

    def __init__(self, state_bytes: int = MAX_STATE_BYTES) -> None:
        self.survey = Survey()
        self._at = 0
        self._states = States(state_bytes)
        self._place = Place(-1, -1)
        self._kept = 0
        self._kept_bytes = 0
        self._count = 0

    def take(self, member: Member, value: Any, size: int) -> None:
        """One value of a member, of so many bytes. Raises Damaged."""
        self._turn_to(member)
        try:
            self._take(member, value, size)
        except Damaged as damage:
            raise damage.within(self.where(member)) from damage
        self._count += 1

    def where(self, member: Member) -> str:
        """What the next value of a member is called."""
        if member in _ALONE:
            return member
        return f"{member}[{self._count if member == ORDER[self._at] else 0}]"

    def finish(self) -> Survey:
        """All members have come. Raises Damaged."""
        for found, name in ((self.survey.sessions, "session"), (self.survey.ends, "end")):
            if not found:
                raise Damaged(f"it has no {name}: it was cut, or is no export")
        session, places = self.survey.session, len(self.survey.history)
        if places > session.config.max_navigation_history:
            raise Damaged("more places than the session remembers", "history")
        if places and not 0 <= session.current < places:
            raise Damaged(f"current is {session.current}, of {places} places", "session")
        return self.survey

    def _turn_to(self, member: Member) -> None:
        at = ORDER.index(member)
        if at < self._at or (at == self._at and self._count and member in _ALONE):
            raise Damaged(f"a second {member}, or one behind {ORDER[self._at]}")
        if at and not self.survey.heads:
            raise Damaged("it does not begin with its head: it is no export")
        if at > self._at:
            self._at, self._count = at, 0

    def _take(self, member: Member, value: Any, size: int) -> None:
        survey = self.survey
        match member:
            case "records":
                self._record(_read(_RECORD.validate_python, value), value)
            case "head":
                self._head(value)
            case "end":
                self._end(_read(ExportEnd.model_validate, value))
            case "session":
                self._keep(survey.sessions, ExportSession, value, size)
            case "breakpoints":
                self._keep_text(survey.breakpoints, Breakpoint, value, size)
            case "history":
                self._keep(survey.history, ExportPlace, value, size)
            case "data":
                self._keep_text(survey.data, ExportValue, value, size)
            case "marks":
                self._keep(survey.marks, ExportMark, value, size)
            case _:
                assert_never(member)

    def _head(self, value: Any) -> None:
        version = value.get("stratoscope_export") if isinstance(value, dict) else None
        if type(version) is int and version != EXPORT_VERSION:
            raise Damaged(f"version {version}: only version {EXPORT_VERSION} is known here")
        self.survey.heads.append(_read(ExportHead.model_validate, value))

    def _keep(self, kept: list[Model], model: type[Model], value: Any, size: int) -> None:
        self._count_kept(size)
        kept.append(_read(model.model_validate, value))

    def _keep_text(
        self, kept: KeptValues[Model], model: type[Model], value: Any, size: int
    ) -> None:
        self._count_kept(size)
        most = _MOST[model]
        if len(kept) >= most:
            raise Damaged(f"more than {most} of them")
        found = _read(model.model_validate, value)
        if isinstance(found, ExportValue) and len(canonical(found.value)) > MAX_VALUE_BYTES:
            raise Damaged(f"more than {MAX_VALUE_BYTES} bytes")
        kept.texts.append(canonical(value))

    def _count_kept(self, size: int) -> None:
        if size > MAX_REQUEST_BYTES:
            raise Damaged(f"{size} bytes, at most {MAX_REQUEST_BYTES}")
        self._kept += 1
        self._kept_bytes += size
        if self._kept > MAX_KEPT or self._kept_bytes > MAX_KEPT_BYTES:
            raise Damaged(f"more than {MAX_KEPT} of them, or {MAX_KEPT_BYTES} bytes")

    def _end(self, end: ExportEnd) -> None:
        found = ExportEnd(events=self.survey.events, snapshots=self.survey.snapshots)
        if end != found:
            raise Damaged(
                f"{end.events} events and {end.snapshots} snapshots were written,"
                f" {found.events} and {found.snapshots} are there"
            )
        self.survey.ends.append(end)

    def _record(self, record: ExportEvent | ExportSnapshot, value: Any) -> None:
        self._stands(record)
        _check_small(record)
        if isinstance(record, ExportEvent):
            self._event(record, value)
            return
        if record.base:
            if record.id is not None or self.survey.records:
                raise Damaged("a base has no id, and stands before all other records")
            self.survey.bases += 1
        else:
            self._identify(record)
            self.survey.snapshots += 1
        self._states.replace(record.state)

    def _event(self, record: ExportEvent, value: Any) -> None:
        expected = self.survey.head.first_event_index + self.survey.events
        if record.event_index != expected:
            raise Damaged(f"event {record.event_index} where {expected} has to follow")
        self._identify(record)
        self.survey.events += 1
        if record.patch:
            self._states.patch(value["patch"])

    def _stands(self, record: ExportEvent | ExportSnapshot) -> None:
        place = Place(record.stream_seq, record.ordinal)
        if place <= self._place:
            raise Damaged("it does not stand behind the record before it")
        self._place = place

    def _identify(self, record: ExportEvent | ExportSnapshot) -> None:
        if record.id is None:
            raise Damaged("it has no id")
        if not self.survey.ids.add(record.id):
            raise Damaged("an id that an earlier record has")


def _check_small(record: ExportEvent | ExportSnapshot) -> None:
    size = len(canonical(record.metadata)) if record.metadata else 0
    if size > MAX_METADATA_BYTES:
        raise Damaged(f"metadata of {size} bytes, at most {MAX_METADATA_BYTES}")
    if len(record.traceparent or "") > MAX_TRACEPARENT:
        raise Damaged(f"a traceparent of more than {MAX_TRACEPARENT} characters")


def _read(read: Callable[[Any], Model], value: Any) -> Model:
    """A value by its model. Raises Damaged, without what was in it."""
    try:
        return read(value)
    except ValidationError as error:
        found = [f"{name or 'it'}: {said}" for name, said in field_errors(error)[:3]]
        raise Damaged("; ".join(found)) from error
