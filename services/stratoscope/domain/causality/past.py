"""What happened before an event: by causes, and by the order of each agent's own timeline.

Of an agent, all up to some event is in another event's past: the past is a number an agent, as in a
vector clock. It is found by going back: from the stretch of a timeline that has come into the past,
the causes in other agents are looked up, each of which brings a stretch of its agent with it. Every
stretch is gone through once, newest first, and no further back than what is looked for can be.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events of an agent, after one index, up to and with another."""

    agent_id: int
    after: int
    upto: int


@dataclass(slots=True)
class Past:
    """How much of each agent's timeline is known to be in the past, and what was gone through."""

    upto: dict[int, int] = field(default_factory=dict)
    _open: dict[int, list[Stretch]] = field(default_factory=dict)

    def reach(self, agent_id: int, event_index: int) -> None:
        """An agent's events up to this one are in the past."""
        known = self.upto.get(agent_id, -1)
        if event_index > known:
            self.upto[agent_id] = event_index
            self._open.setdefault(agent_id, []).append(Stretch(agent_id, known, event_index))

    def holds(self, agent_id: int, event_index: int) -> bool:
        """Whether an event is known to be in the past."""
        return self.upto.get(agent_id, -1) >= event_index

    def next_stretches(self) -> list[Stretch]:
        """What has not been gone through yet: at most one stretch an agent."""
        return [stretches[-1] for stretches in self._open.values()]

    def passed(self, stretch: Stretch, down_to: int) -> None:
        """A stretch was gone through, from its end back to an index; `after` is all of it."""
        stretches = self._open[stretch.agent_id]
        stretches.remove(stretch)
        if down_to > stretch.after:
            stretches.append(Stretch(stretch.agent_id, stretch.after, down_to))
        if not stretches:
            del self._open[stretch.agent_id]

    def reach_all(self, found: Iterable[tuple[int, int]]) -> None:
        """Several agents' events are in the past."""
        for agent_id, event_index in found:
            self.reach(agent_id, event_index)
