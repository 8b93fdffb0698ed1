"""A session as a plain list of records, to hold the real one against: drawn timelines and moves.

Where it stands is how many records it has passed, and a clock. Nothing here knows of indexes,
versions or halving.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hypothesis import strategies as st

from support.recorded import after

Json = dict[str, Any]
CAPACITY = 4


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded thing: its place, its clock in seconds, and whether it sets the state."""

    kind: Literal["event", "patch", "snapshot"]
    seq: int
    ordinal: int
    clock: float
    recorded: float
    id: str

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in the log."""
        return self.seq, self.ordinal


@dataclass(frozen=True, slots=True)
class Place:
    """So many records passed, at a time."""

    passed: int
    clock: float | None


@dataclass(frozen=True, slots=True)
class Walker:
    """A session on a list of records; a move gives another one, or None where there is no way."""

    records: tuple[Record, ...]
    places: tuple[Place, ...]
    current: int = 0

    @classmethod
    def at_the_end(cls, records: tuple[Record, ...]) -> "Walker":
        """As it is made."""
        return cls(records, (Place(len(records), records[-1].clock if records else None),))

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.places[self.current]

    @property
    def index(self) -> int:
        """The event that was passed last."""
        return sum(one.kind != "snapshot" for one in self.records[: self.place.passed]) - 1

    def told(self) -> Json:
        """What a position says of it."""
        passed = self.records[: self.place.passed]
        snapshots = [one.id for one in passed if one.kind == "snapshot"]
        events = [one.id for one in passed if one.kind != "snapshot"]
        return {
            "event_index": self.index,
            "event_id": events[-1] if events else None,
            "stream_seq": passed[-1].seq if passed else None,
            "ordinal": passed[-1].ordinal if passed else None,
            "snapshot_id": snapshots[-1] if snapshots else None,
        }

    def made(self, verb: str, body: Json) -> "Walker | None":
        """After a request."""
        match verb, body:
            case "session.back", _:
                return self._walked(-1)
            case "session.forward", _:
                return self._walked(1)
            case "session.goto", {"at": at}:
                return self._gone(at)
            case _, {"direction": direction, "size": {"seconds": seconds}}:
                return self._seconds(seconds if direction == "forward" else -seconds)
            case _, {"direction": direction, "size": "snapshot"}:
                return self._snapshot() if direction == "forward" else self._snapshot_before()
            case _, {"direction": direction, "size": size}:
                count = 1 if size == "event" else size["events"]
                return self._events(count if direction == "forward" else -count)
        raise AssertionError((verb, body))

    def _gone(self, at: Json) -> "Walker | None":
        match at:
            case {"latest": True}:
                return self._at(len(self.records))
            case {"event_index": index}:
                return self._after_index(index)
            case {"stream_seq": seq}:
                return self._while(lambda one: one.seq <= seq)
            case {"seconds": seconds, "clock": "recorded"}:
                return self._while(lambda one: one.recorded <= seconds)
            case {"seconds": seconds}:
                clock = min(seconds, self.records[-1].clock)
                return self._while(lambda one: one.clock <= seconds, clock)
            case {"record": number}:
                one = self.records[number]
                if one.kind == "snapshot":
                    return self._at(number + 1)
                return self._after_index(
                    sum(other.kind != "snapshot" for other in self.records[:number])
                )
        raise AssertionError(at)

    def _events(self, count: int) -> "Walker | None":
        if count < 0 and self.index == -1:
            return None
        return self._after_index(max(self.index + count, -1))

    def _snapshot(self) -> "Walker | None":
        for number, one in enumerate(self.records[self.place.passed :], self.place.passed):
            if one.kind == "snapshot":
                return self._at(number + 1)
        return None

    def _snapshot_before(self) -> "Walker | None":
        for number in range(self.place.passed - 1, 0, -1):
            if self.records[number - 1].kind == "snapshot":
                return self._at(number)
        return None if self.index == -1 else self._after_index(-1)

    def _seconds(self, seconds: float) -> "Walker | None":
        clock = self.place.clock
        target = (self.records[0].clock if clock is None else clock) + seconds
        if (seconds > 0 and target > self.records[-1].clock) or (seconds < 0 and self.index == -1):
            return None
        return self._while(lambda one: one.clock <= target, target)

    def _after_index(self, index: int) -> "Walker | None":
        events = 0
        for number, one in enumerate(self.records):
            events += one.kind != "snapshot"
            if events > index + 1:
                return self._at(number)
        return self._at(len(self.records)) if index == events - 1 else None

    def _while(self, within: Callable[[Record], bool], clock: float | None = None) -> "Walker":
        return self._at(sum(map(within, self.records)), clock)

    def _at(self, passed: int, clock: float | None = None) -> "Walker":
        if clock is None and passed:
            clock = self.records[passed - 1].clock
        place = Place(passed, clock)
        if place == self.place:
            return self
        places = (*self.places[: self.current + 1], place)[-CAPACITY:]
        return replace(self, places=places, current=len(places) - 1)

    def _walked(self, by: int) -> "Walker | None":
        current = self.current + by
        return replace(self, current=current) if 0 <= current < len(self.places) else None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A drawn timeline: kinds and times of records, message by message."""

    messages: list[list[tuple[str, int]]] = field(default_factory=list)

    def records(self, first_seq: int, ids: Iterator[str]) -> tuple[Record, ...]:
        """What is recorded of it, from a message on."""
        found: list[Record] = []
        for seq, message in enumerate(self.messages, first_seq):
            for ordinal, (kind, at) in enumerate(message):
                clock = max([float(at), *(one.clock for one in found[-1:])])
                recorded = float(seq)
                found.append(Record(kind, seq, ordinal, clock, recorded, next(ids)))  # type: ignore[arg-type]  # drawn from three
        return tuple(found)


def body_of(move: Json, records: tuple[Record, ...]) -> Json:
    """A drawn move as a request's body, with real ids and times in place of drawn ones."""
    match move:
        case {"at": {"seconds": seconds, "clock": clock}}:
            return {"at": {"time": after(seconds).isoformat(), "clock": clock}}
        case {"at": {"record": number}}:
            one = records[number]
            name = "snapshot_id" if one.kind == "snapshot" else "event_id"
            return {"at": {name: one.id}}
        case _:
            return move


KINDS = st.sampled_from(["event", "event", "patch", "snapshot"])
TIMELINES = st.builds(
    Timeline,
    st.lists(
        st.lists(st.tuples(KINDS, st.integers(0, 12)), min_size=1, max_size=4),
        min_size=1,
        max_size=6,
    ).filter(lambda messages: any(kind != "snapshot" for one in messages for kind, _ in one)),
)
_DIRECTIONS = st.sampled_from(["forward", "backward"])
_SIZES = st.one_of(
    st.sampled_from(["event", "event", "snapshot", "snapshot"]),
    st.builds(lambda count: {"events": count}, st.integers(1, 5)),
    st.builds(lambda halves: {"seconds": halves / 2}, st.integers(1, 9)),
)
_STEPS = st.builds(
    lambda direction, size: ("session.step", {"direction": direction, "size": size}),
    _DIRECTIONS,
    _SIZES,
)


def moves(records: int, first_seq: int) -> st.SearchStrategy[tuple[str, Json]]:
    """Moves of every kind through a timeline of so many records."""
    at = st.one_of(
        st.just({"latest": True}),
        st.builds(lambda index: {"event_index": index}, st.integers(-1, records)),
        # Drawn from the first on: the log grows from one example to the next.
        st.builds(lambda ahead: {"stream_seq": first_seq + ahead}, st.integers(-1, 7)),
        st.builds(
            lambda seconds, clock: {"seconds": seconds, "clock": clock},
            st.integers(-1, 13).map(float),
            st.sampled_from(["occurred", "recorded"]),
        ),
        st.builds(lambda number: {"record": number}, st.integers(0, records - 1)),
    )
    return st.one_of(
        _STEPS,
        _STEPS,
        _STEPS,
        st.builds(lambda found: ("session.goto", {"at": found}), at),
        st.sampled_from([("session.back", {}), ("session.back", {}), ("session.forward", {})]),
    )
