"""One record as a condition looks at it.

Whoever judges a record knows what it was and how to get at the states around it. States are asked
for only by conditions that look at them, so they come as functions; whoever gives them keeps what
they found.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from stratoscope.domain.timeline import Place

# A decoded document, when somebody wants it.
Look = Callable[[], object]


def nothing() -> object:
    """The state as long as nothing has set it."""
    return {}


@dataclass(frozen=True, slots=True)
class Before:
    """What stood right before a record: its agent's clock and state."""

    clock: datetime
    state: Look = nothing


@dataclass(frozen=True, slots=True)
class Seen:
    """A record, or a position to ask about; no condition looks at its place.

    `before` is None where it is its agent's first. Where the record before it is not kept any
    more, give its own clock and state as those before it: what it changed is not known then, and
    nothing is said to have begun there. `sets_state` is whether it is a snapshot or has a patch:
    only then the states around it may differ. `depth` is None while it is not known.
    """

    place: Place | None
    event_index: int
    clock: datetime | None
    is_event: bool = False
    type: str | None = None
    depth: int | None = None
    sets_state: bool = False
    state: Look = nothing
    before: Before | None = None
