"""Holding a live agent: whether it may go on, as a function of who holds it.

Holds are kept per breakpoint and per operator's session, and the agent goes on once the last of
them is gone: what one operator still looks at is not taken away by another's breakpoint. A *step*
lets the agent go on in spite of the holds there are, up to an event of its timeline; a hold that is
placed afterwards knows nothing of that step, and so ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# A held agent asks every second: one that has not for so long waits no more, it is gone.
HEARD_WITHIN: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold: a breakpoint's id or `operator`, and up to how many events it lets the agent go."""

    held_by: str
    step_until: int | None = None


@dataclass(frozen=True, slots=True)
class Go:
    """Nobody holds the agent."""


@dataclass(frozen=True, slots=True)
class GoFor:
    """The agent is held, but may record so many events more."""

    events: int


@dataclass(frozen=True, slots=True)
class Held:
    """The agent is held by these."""

    by: tuple[str, ...]


Verdict = Go | GoFor | Held


@dataclass(frozen=True, slots=True)
class AtGate:
    """When an agent was last heard at its gate, and since when it waits there."""

    asked_at: datetime
    waiting_since: datetime | None

    def waits_since(self, now: datetime) -> datetime | None:
        """Since when it waits, if it still does."""
        return self.waiting_since if now - self.asked_at <= HEARD_WITHIN else None


def holders(holds: Sequence[Hold]) -> tuple[str, ...]:
    """Who holds, each named once, in the order of their holds."""
    return tuple(dict.fromkeys(hold.held_by for hold in holds))


def verdict(holds: Sequence[Hold], events: int) -> Verdict:
    """Whether an agent may go on that has recorded so many events."""
    if not holds:
        return Go()
    left = min((hold.step_until or 0) - events for hold in holds)
    return GoFor(left) if left > 0 else Held(holders(holds))
