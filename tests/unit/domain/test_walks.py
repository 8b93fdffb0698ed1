"""Random moves, planned by the domain, end where a plain list of records says.

What the database does stands here as a few lines over lists: so these are the plans alone, of every
size, direction and `At`, with the navigation history around them.
"""

import json
from contextlib import suppress
from datetime import datetime
from itertools import count
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.seek import (
    AfterEvent,
    AfterSnapshot,
    Extent,
    Stand,
    Target,
    UpTo,
    after_index,
    plan,
)
from stratoscope.domain.stepping import (
    Footing,
    Move,
    NextSnapshot,
    PreviousSnapshot,
    Span,
    out_of_bounds,
    step,
)
from stratoscope.domain.timeline import Place as LogPlace
from stratoscope.domain.trail import Trail
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.sessions import SessionGotoRequest, SessionStepRequest
from stratoscope_contracts.views import AtTime
from support.recorded import START, after
from support.walks import CAPACITY, TIMELINES, Json, Place, Record, Walker, body_of, moves

ID = str(UUID(int=1))


class Planned:
    """A session whose moves are the domain's; targets are looked for by counting."""

    def __init__(self, records: tuple[Record, ...]) -> None:
        self.records = records
        events = [one for one in records if one.kind != "snapshot"]
        versions = [one for one in records if one.kind != "event"]
        self.extent = Extent(len(events), len(versions))
        self.span = Span(self.extent, after(records[0].clock), after(records[-1].clock))
        self.trail = Trail()
        self.slots = {0: Place(len(records), records[-1].clock)}

    @property
    def place(self) -> Place:
        return self.slots[self.trail.current % CAPACITY]

    def make(self, verb: str, body: Json) -> None:
        match verb:
            case "session.back":
                self.trail = self.trail.back()
            case "session.forward":
                self.trail = self.trail.forward()
            case "session.goto":
                at = SessionGotoRequest.model_validate_json(_json(body)).at
                assert at is not None
                clock = None
                if isinstance(at, AtTime) and at.clock == "occurred":
                    clock = min(at.time, self.span.last_at)
                self._go(plan(at, self.extent), clock)
            case _:
                asked = SessionStepRequest.model_validate_json(_json(body))
                move = step(asked.direction, asked.size, self._footing(), self.span)
                self._go(self._target(move), move.clock)

    def _footing(self) -> Footing:
        passed = self.records[: self.place.passed]
        clock = self.place.clock
        return Footing(
            sum(one.kind != "snapshot" for one in passed) - 1,
            LogPlace(*passed[-1].place) if passed else None,
            None if clock is None else after(clock),
        )

    def _target(self, move: Move) -> Target:
        snapshots = [
            (version, number)
            for version, number in enumerate(
                number for number, one in enumerate(self.records) if one.kind != "event"
            )
            if self.records[number].kind == "snapshot"
        ]
        placed = {pair: self.records[pair[1]].place for pair in snapshots}
        match move.target:
            case NextSnapshot(after=place):
                behind = [pair for pair in snapshots if place is None or placed[pair] > place]
                if not behind:
                    raise out_of_bounds(self.extent.events, self.extent)
                return self._stand_behind(*behind[0])
            case PreviousSnapshot(before=place):
                before = [pair for pair in snapshots if place is not None and placed[pair] < place]
                if before:
                    return self._stand_behind(*before[-1])
                if self._footing().event_index <= -1:
                    raise out_of_bounds(-2, self.extent)
                return after_index(-1, self.extent)
            case target:
                return target

    def _stand_behind(self, version: int, number: int) -> Stand:
        events = sum(one.kind != "snapshot" for one in self.records[:number])
        return Stand(events - 1, version)

    def _go(self, target: Target, clock: datetime | None) -> None:
        passed = self._passed(target)
        if clock is not None:
            place = Place(passed, (clock - START).total_seconds())
        else:
            place = Place(passed, self.records[passed - 1].clock if passed else None)
        if place != self.place:
            self.trail = self.trail.pushed(CAPACITY)
            self.slots[self.trail.current % CAPACITY] = place

    def _passed(self, target: Target) -> int:
        events = versions = -1
        passed = 0
        for one in self.records:
            events += one.kind != "snapshot"
            versions += one.kind != "event"
            match target:
                case Stand():
                    within = events <= target.event_index and versions <= target.version
                case UpTo():
                    within = _is_within(target, one, events)
                case AfterEvent():
                    last = self._index_of(target.event_id)
                    within = events <= last
                case AfterSnapshot():
                    within = one in self.records[: self._number_of(target.snapshot_id) + 1]
            passed += within
        return passed

    def _number_of(self, record_id: UUID) -> int:
        return next(n for n, one in enumerate(self.records) if one.id == str(record_id))

    def _index_of(self, event_id: UUID) -> int:
        before = self.records[: self._number_of(event_id)]
        return sum(one.kind != "snapshot" for one in before)


def _is_within(bound: UpTo, one: Record, event_index: int) -> bool:
    return (
        (bound.event_index is None or event_index <= bound.event_index)
        and (bound.clock is None or after(one.clock) <= bound.clock)
        and (bound.recorded_at is None or after(one.recorded) <= bound.recorded_at)
        and (bound.place is None or (one.seq, one.ordinal) <= bound.place)
    )


def _json(body: Json) -> str:
    return json.dumps({"id": ID, **body})


@given(TIMELINES, st.data())
def test_random_moves_end_where_a_list_says(timeline, data):
    records = timeline.records(1, (str(UUID(int=n)) for n in count(1)))
    walker, planned = Walker.at_the_end(records), Planned(records)
    for verb, move in data.draw(st.lists(moves(len(records), 1), max_size=25)):
        expected = walker.made(verb, move)
        try:
            planned.make(verb, body_of(move, records))
        except NavigationOutOfBounds:
            assert expected is None, (verb, move)
        else:
            assert expected is not None, (verb, move)
            walker = expected
        assert planned.place == walker.place, (verb, move)


@given(TIMELINES, st.data())
def test_forward_to_a_place_and_back_again_is_where_one_was(timeline, data):
    """By the history after any move; by a step of as many events from after an event."""
    records = timeline.records(1, (str(UUID(int=n)) for n in count(1)))
    planned = Planned(records)
    events = planned.extent.events
    index = data.draw(st.integers(-1, events - 1))
    planned.make("session.goto", {"at": {"event_index": index}})
    here, size = planned.place, {"events": data.draw(st.integers(1, events))}
    if index + size["events"] < events:
        planned.make("session.step", {"direction": "forward", "size": size})
        assert planned.place != here
        planned.make("session.step", {"direction": "backward", "size": size})
        assert planned.place == here
    verb, move = data.draw(moves(len(records), 1).filter(lambda one: one[1]))
    with suppress(NavigationOutOfBounds):
        planned.make(verb, body_of(move, records))
    there = planned.place
    if there != here:
        planned.make("session.back", {})
        assert planned.place == here
        planned.make("session.forward", {})
        assert planned.place == there
