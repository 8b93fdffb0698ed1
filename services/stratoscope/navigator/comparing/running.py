"""One of two runs while they are set beside each other: read as far as it is needed."""

from dataclasses import dataclass, field
from typing import Self

from stratoscope.domain.comparison.alignment import Run
from stratoscope.domain.comparison.standing import States
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json, event, position
from stratoscope.store.runs import Runs, SaidEvent
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.views import AtEventIndex


@dataclass(slots=True)
class Side:
    """An agent's run: places in it count from the first event that is kept."""

    reading: Reading
    timeline: Timeline
    states: States
    run: Run = field(default_factory=Run)
    _read_events: int = -1
    _read_versions: int = -1

    @classmethod
    def of(cls, reading: Reading, timeline: Timeline) -> Self:
        """A run of which nothing was read yet."""
        first = max(timeline.first_position, 0)
        side = cls(reading, timeline, States(first))
        side._read_events, side._read_versions = first - 1, timeline.first_version - 1
        side.run.is_whole = first >= timeline.events
        side.states.is_whole = timeline.first_version >= timeline.versions
        return side

    @property
    def is_wanting(self) -> bool:
        """Whether the alignment waits for more of it."""
        return not self.run.is_whole and (self.run.needs_more or not self.run.left)

    @property
    def length(self) -> int:
        """How many events it has."""
        return self.timeline.events - self.states.first

    async def read_events(self) -> list[SaidEvent]:
        """The next events."""
        last = self.timeline.events - 1
        found = await Runs(self.reading.session).events(
            self.timeline.agent_id, self._read_events, last
        )
        self._read_events = found[-1].event_index if found else last
        return found

    def add(self, prints: list[bytes]) -> None:
        """The fingerprints of what was read."""
        self.run.add(prints, is_whole=self._read_events >= self.timeline.events - 1)

    async def read_states(self, place: int) -> None:
        """All states up to an event."""
        last = self.timeline.versions - 1
        while not self.states.reaches(place):
            found = await Runs(self.reading.session).states(
                self.timeline.agent_id, self._read_versions, last
            )
            self._read_versions = found[-1].version if found else last
            self.states.add(found, is_whole=self._read_versions >= last)

    async def position(self, place: int) -> Json:
        """The position after an event; of what is kept the first where none stands before."""
        standing = await self.reading.standing(self.timeline, self.at(place))
        return position(self.timeline.agent, standing)

    def at(self, place: int) -> AtEventIndex:
        """The same as a moment."""
        index = max(self.states.first + place, self.timeline.first_position)
        return AtEventIndex(event_index=index)

    async def event(self, place: int) -> Json:
        """An event."""
        index = self.states.first + place
        (row,) = await self.reading.timelines.events([(self.timeline.agent_id, index)])
        return event(row)
