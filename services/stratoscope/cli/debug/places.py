"""Where a debugger stands."""

from dataclasses import dataclass

from stratoscope_contracts.views import At, Event, Position


@dataclass(frozen=True, slots=True)
class Place:
    """A position, how a request names it, and the event before it."""

    position: Position
    at: At
    event: Event | None = None

    @property
    def index(self) -> int:
        """The event that it is after."""
        return self.position.event_index
