"""What retention drops from the front of a timeline, and where what is kept begins.

A limit cuts a timeline at a place: before it lies what is to go. Events can be cut anywhere, state
versions only by whole groups, since a version can't be read without its group's first. So the cut
moves on to the next group's start where that is near; else the group before it stays for the sake
of the state in force, and its versions are shown no more. Groups are closed early enough
(`Keeping.closing`) for the next start to be near wherever states are recorded at all.

What always stays: the newest event, the newest state and its group, and whatever an open session
stands on, with a group more to go back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from stratoscope.domain.delta import Closing
from stratoscope.domain.timeline import BEFORE_FIRST

# The share of a limit by which more may go than has to.
SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Keeping:
    """How much is kept of each agent; None is all."""

    events: int | None = None
    snapshots: int | None = None
    age: timedelta | None = None

    @property
    def is_limited(self) -> bool:
        """Whether anything is ever dropped."""
        return (self.events, self.snapshots, self.age) != (None, None, None)

    def closing(self, threshold: float, level: int) -> Closing:
        """Groups small enough to meet the limits closely."""
        return Closing(
            threshold=threshold,
            level=level,
            events=_share(self.events),
            snapshots=_share(self.snapshots),
            age=None if self.age is None else self.age * SLACK,
        )


class Cut(NamedTuple):
    """The first position and the first state version behind a cut; (-1, 0) cuts nothing off."""

    position: int
    version: int


class Start(NamedTuple):
    """Where a group of versions starts."""

    version: int
    event_index: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cut that a limit asks for, and up to where a group's start is near enough to it."""

    cut: Cut
    event_index: int | None = None
    version: int | None = None
    recorded_at: datetime | None = None

    def takes(self, start: Start) -> bool:
        """Whether cutting at a start drops little more than is asked for."""
        return (
            (self.event_index is not None and start.event_index <= self.event_index)
            or (self.version is not None and start.version <= self.version)
            or (self.recorded_at is not None and start.recorded_at <= self.recorded_at)
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a timeline is kept now.

    From `first_version` on, a group's start, versions can be read; those before `first_shown` only
    because others need them.
    """

    first_position: int
    first_version: int
    first_shown: int
    next_event: int
    next_version: int
    next_slot: int
    snapshots: int = 0

    @property
    def first_event(self) -> int:
        """The oldest event's index."""
        return max(self.first_position, 0)

    @property
    def open_group(self) -> int:
        """The first version of the group that is still written to."""
        return self.next_version - self.next_slot


@dataclass(frozen=True, slots=True)
class Goal:
    """Where to cut, what asks for it, and whether an open session asked for less."""

    cut: Cut
    wanted: tuple[Wanted, ...]
    latest: Cut
    is_held: bool


class Drop(NamedTuple):
    """What a timeline keeps from now on; see `Kept`."""

    first_position: int
    first_version: int
    first_shown: int


def excess_events(kept: Kept, keeping: Keeping) -> int:
    """How many events are too many."""
    if keeping.events is None:
        return 0
    return max(0, kept.next_event - kept.first_event - keeping.events)


def excess_snapshots(kept: Kept, keeping: Keeping) -> int:
    """How many snapshots are too many."""
    return 0 if keeping.snapshots is None else max(0, kept.snapshots - keeping.snapshots)


def by_events(kept: Kept, keeping: Keeping, version: int) -> Wanted:
    """Cut before the events that may stay; `version` is the first that belongs to them."""
    first = kept.first_event + excess_events(kept, keeping)
    return Wanted(Cut(first, version), event_index=first + (_share(keeping.events) or 0))


def by_snapshots(keeping: Keeping, first: Cut) -> Wanted:
    """Cut before the snapshots that may stay; `first` is where the oldest of them stands."""
    return Wanted(first, version=first.version + (_share(keeping.snapshots) or 0))


def by_age(kept: Kept, age: timedelta, now: datetime, young: Cut, newest: int) -> Wanted:
    """Cut before what is young: the first event and version of it.

    Where even the newest event is old it stays, and with it `newest`, the first version behind it.
    """
    position, version = young
    if position >= kept.next_event:
        position = kept.next_event - 1
        version = min(version, newest)
    # Where no event goes, being before all of them is still a position.
    position = BEFORE_FIRST if position <= 0 else position
    return Wanted(Cut(position, version), recorded_at=now - age * (1 - SLACK))


def goal(kept: Kept, wanted: Iterable[Wanted], holds: Iterable[Cut]) -> Goal:
    """Put together what limits want cut off and what open sessions hold."""
    asked = tuple(wanted)
    held = tuple(holds)
    furthest = _furthest(Cut(kept.first_position, kept.first_shown), *(one.cut for one in asked))
    cut = _nearest(furthest, *held)
    binding = tuple(
        one
        for one in asked
        if one.cut.position == furthest.position or one.cut.version == furthest.version
    )
    latest = _nearest(Cut(kept.next_event, kept.open_group), *held)
    return Goal(cut, binding, latest, is_held=cut != furthest)


def drop(kept: Kept, goal: Goal, behind: Start | None, ahead: Start | None) -> Drop | None:
    """What to keep from now on, None where nothing can go.

    `behind` is the start of the group that holds the last version before the cut, `ahead` the
    first start at or after the cut.
    """
    if ahead is not None and _is_near(ahead, goal):
        position = max(goal.cut.position, ahead.event_index)
        planned = Drop(position, ahead.version, ahead.version)
    else:
        first = behind.version if behind is not None else kept.first_version
        planned = Drop(goal.cut.position, first, goal.cut.version)
    before = Drop(kept.first_position, kept.first_version, kept.first_shown)
    planned = Drop(*map(max, planned, before))
    return None if planned == before else planned


def _is_near(ahead: Start, goal: Goal) -> bool:
    if ahead.version > goal.latest.version or ahead.event_index > goal.latest.position:
        return False
    costs_nothing = ahead.version == goal.cut.version and ahead.event_index <= goal.cut.position
    return costs_nothing or (bool(goal.wanted) and all(one.takes(ahead) for one in goal.wanted))


def _share(limit: int | None) -> int | None:
    return None if limit is None else max(1, int(limit * SLACK))


def _furthest(*cuts: Cut) -> Cut:
    return Cut(max(cut.position for cut in cuts), max(cut.version for cut in cuts))


def _nearest(*cuts: Cut) -> Cut:
    return Cut(min(cut.position for cut in cuts), min(cut.version for cut in cuts))
