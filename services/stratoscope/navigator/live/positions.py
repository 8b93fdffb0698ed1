"""Where the records of hits stand, without asking for each.

What stands around an agent's last record is remembered once somebody asked for it, and follows the
batches that are told: a position then takes a look at the rows of a batch. A batch that does not
begin where the one before ended is noticed by its numbers, and what was known is asked for anew.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import asyncpg

from stratoscope.broker.feed import Committed, Recorded, Row
from stratoscope.domain.seek import Stand
from stratoscope.domain.timeline import BEFORE_FIRST, Place
from stratoscope.navigator.live.lines import Line, moment, uuid_of
from stratoscope.store.states import Passed, Standing, States

_AGENTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a record of an agent."""

    event_index: int = BEFORE_FIRST
    version: int = -1
    event_id: UUID | None = None
    event: Passed | None = None
    state: Passed | None = None
    state_event_index: int = BEFORE_FIRST
    version_snapshot_id: UUID | None = None
    snapshot_id: UUID | None = None

    @property
    def standing(self) -> Standing:
        """The same as it is asked for; nothing of it is spelled of the state itself."""
        return Standing(
            event_index=self.event_index,
            version=self.version,
            event_id=self.event_id,
            event=self.event,
            state=self.state,
            state_event_index=self.state_event_index,
            slot=None,
            version_snapshot_id=self.version_snapshot_id,
            snapshot_id=self.snapshot_id,
            tainted=False,
        )

    def past(self, told: Recorded, until: Place | None = None) -> "Around":
        """What stands around the last record of a batch, or the last one up to a place."""
        around = self
        events = _within(told.events, 1, 7, until)
        versions = _within(told.versions, 2, 3, until)
        if events:
            around = _with_event(around, told.events[events - 1])
        if versions:
            around = _with_version(around, told.versions[:versions])
        return around


class Positions:
    """What is known of agents at the end of what was told of them."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Around] = OrderedDict()
        # What was asked for within the batch that is being judged, and of which rows.
        self._asked: dict[int, tuple[Recorded, Around]] = {}

    async def standings(self, session: asyncpg.Connection, lines: Sequence[Line]) -> list[Standing]:
        """What stands around each of these records, in their order, of a batch not passed yet."""
        starts = await self._starts(session, lines)
        found: list[Standing] = []
        last: Line | None = None
        for line in lines:
            # Those of one record, which many breakpoints may have met, follow each other.
            if line is not last:
                standing = starts[id(line.told)].past(line.told, line.record.place).standing
            found.append(standing)
            last = line
        return found

    def passed(self, committed: Committed) -> None:
        """A batch was judged."""
        for told in committed.agents:
            asked = self._asked.get(told.agent_id)
            start = self._start(told)
            if start is None and asked is not None and asked[0] is told:
                start = asked[1]
            if start is not None:
                self._known[told.agent_id] = start.past(told)
                self._known.move_to_end(told.agent_id)
            else:
                self._known.pop(told.agent_id, None)
        self._asked.clear()
        while len(self._known) > _AGENTS:
            self._known.popitem(last=False)

    async def _starts(
        self, session: asyncpg.Connection, lines: Sequence[Line]
    ) -> dict[int, Around]:
        """From what to go on to each record of an agent; it is asked at the first where unknown."""
        starts: dict[int, Around] = {}
        unknown: dict[int, Line] = {}
        for line in lines:
            told = id(line.told)
            if told in starts or told in unknown:
                continue
            start = self._start(line.told)
            if start is None:
                unknown[told] = line
            else:
                starts[told] = start
        if unknown:
            places = [
                (one.told.agent_id, Stand(one.record.event_index, one.record.version))
                for one in unknown.values()
            ]
            asked = await States(session).standings_of(places)
            for line, standing in zip(unknown.values(), asked, strict=True):
                starts[id(line.told)] = around = _around(standing)
                self._asked[line.told.agent_id] = (line.told, around)
        return starts

    def _start(self, told: Recorded) -> Around | None:
        """What stands around the last record before a batch, where that is known."""
        if told.clock is None:
            return Around()
        around = self._known.get(told.agent_id)
        if around is None or around.version != told.version:
            return None
        before = around.event_index
        if told.events:
            before = told.events[0][0] - 1
        elif told.versions:
            before = told.versions[0][1]
        return around if before == around.event_index else None


def _around(standing: Standing) -> Around:
    return Around(
        standing.event_index,
        standing.version,
        standing.event_id,
        standing.event,
        standing.state,
        standing.state_event_index,
        standing.version_snapshot_id,
        standing.snapshot_id,
    )


def _within(rows: Sequence[Row], seq: int, ordinal: int, until: Place | None) -> int:
    """How many of the rows stand at or before a place."""
    if until is None:
        return len(rows)
    return bisect_right(rows, until, key=lambda row: Place(row[seq], row[ordinal]))


def _with_event(around: Around, row: Row) -> Around:
    clock = moment(row[2])
    occurred_at = clock if row[4] is None else moment(row[4])
    passed = Passed(Place(row[1], row[7]), clock, moment(row[3]), occurred_at)
    return replace(around, event_index=row[0], event_id=uuid_of(row[9]), event=passed)


def _with_version(around: Around, rows: Sequence[Row]) -> Around:
    row = rows[-1]
    clock = moment(row[4])
    occurred_at = clock if row[6] is None else moment(row[6])
    own = None if row[7] is None else uuid_of(row[7])
    newest = next((uuid_of(one[7]) for one in reversed(rows) if one[7]), around.snapshot_id)
    return replace(
        around,
        version=row[0],
        state=Passed(Place(row[2], row[3]), clock, moment(row[5]), occurred_at),
        state_event_index=row[1],
        version_snapshot_id=own,
        snapshot_id=newest,
    )
