"""Events that are read by the block while causes are followed back.

What led to an event mostly stands close before it, in its own agent or in a few others. So
whatever is looked up by its id brings the events just before it along, and only a cause that is
in no block so far has to be looked up. A block that proved useful makes its agent's next one
larger and any other a smaller one: a chain of thousands takes a few questions, and a cause here
and there brings little that nobody asked for.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from stratoscope.domain.causality.past import Stretch

Spot = tuple[int, int]
SMALLEST, FIRST, LARGEST = 16, 256, 4_096
GROWTH = 16
# A block is useful where one event in so many is reached.
_USEFUL = 2


class Row(Protocol):
    """An event as a block has it."""

    @property
    def agent_id(self) -> int: ...
    @property
    def event_index(self) -> int: ...
    @property
    def stream_seq(self) -> int: ...
    @property
    def ordinal(self) -> int: ...
    @property
    def depth(self) -> int | None: ...
    @property
    def id(self) -> UUID: ...
    @property
    def causes(self) -> Sequence[UUID] | None: ...


R = TypeVar("R", bound=Row)


@dataclass(slots=True)
class _Agent:
    size: int = FIRST
    asked: bool = False
    used: int = 0


@dataclass(slots=True)
class Blocks(Generic[R]):
    """What was read, and what to read next."""

    read: dict[UUID, R] = field(default_factory=dict)
    unknown: set[UUID] = field(default_factory=set)
    _agents: dict[int, _Agent] = field(default_factory=dict)

    def missing(self, ids: Iterable[UUID]) -> list[UUID]:
        """Those that have to be looked up."""
        return [id for id in ids if id not in self.read and id not in self.unknown]

    def stretches(self, wanted: Iterable[UUID], located: Mapping[UUID, Spot]) -> list[Stretch]:
        """What to read, now that it is known where wanted ids stand; the others are nowhere."""
        self.unknown.update(id for id in wanted if id not in located)
        ends: dict[int, list[int]] = {}
        for agent_id, event_index in located.values():
            ends.setdefault(agent_id, []).append(event_index)
        return [
            stretch
            for agent_id, indexes in ends.items()
            for stretch in _blocks(agent_id, sorted(indexes), self._size(agent_id))
        ]

    def keep(self, rows: Collection[R], located: Mapping[UUID, Spot]) -> None:
        """Blocks were read."""
        new = {row.id: row for row in rows}
        for id in new.keys() & (self.read.keys() | located.keys()):
            del new[id]
        for row in rows:
            if row.id in located and located[row.id] == (row.agent_id, row.event_index):
                new[row.id] = row
        self.read |= new

    def use(self, rows: Iterable[R]) -> None:
        """Events that were read are some that were reached."""
        for agent_id, used in Counter(row.agent_id for row in rows).items():
            self._agents[agent_id].used += used

    def _size(self, agent_id: int) -> int:
        """How many events to read of an agent, after what became of those read before."""
        agent = self._agents.setdefault(agent_id, _Agent())
        if agent.asked:
            useful = agent.used * _USEFUL >= agent.size
            agent.size = (
                min(agent.size * GROWTH, LARGEST) if useful else max(agent.size // GROWTH, SMALLEST)
            )
        agent.asked, agent.used = True, 0
        return agent.size


def _blocks(agent_id: int, indexes: Collection[int], size: int) -> Iterable[Stretch]:
    """Each index with what stands before it, nothing twice."""
    after = -1
    for index in indexes:
        yield Stretch(agent_id, max(after, index - size), index)
        after = index
