"""Fair shares of a scarce resource between spaces: the rules, without a clock and without waiting.

A space may hold up to three times as much as it leaves free (the dynamic threshold of shared
buffers): one space alone gets three quarters, and the next one finds a free slot at once.
While other spaces are active it holds at most `crowded` slots. Where a request has to wait, the
space that holds the least is served first, and equal spaces take turns.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from math import exp
from typing import Final, Generic, TypeVar

# How long after its last request a space still counts as active.
PRESENT_SECONDS: Final = 1.0
_PER_FREE: Final = 3
# How long a space is there that has used something, and how long its use counts: to a third.
_LATELY_SECONDS: Final = 0.1
# What part of the time a space has that is paced, and how much it may have left unused before.
_PACE: Final = 0.125
_SAVED_SECONDS: Final = 0.002

T = TypeVar("T")


class Grant(Enum):
    """What becomes of a request for a slot."""

    GRANTED = auto()
    QUEUED = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class ShareLimits:
    """Slots in all, those of a space while others are active, and how many requests may wait."""

    capacity: int
    crowded: int | None = None
    queue: int = 0

    @property
    def alone(self) -> int:
        """How many slots a space gets that is alone."""
        held = 1
        while held < self.capacity and held + 1 <= _PER_FREE * (self.capacity - held - 1):
            held += 1
        return held


class FairBytes:
    """Which space holds how many bytes: as slots by the same rule, but taken many at a time."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._held: dict[str, int] = {}
        self._free = capacity

    @property
    def alone(self) -> int:
        """How many bytes a space gets that is alone."""
        return self.capacity * _PER_FREE // (_PER_FREE + 1)

    @property
    def free(self) -> int:
        """How many bytes are not taken."""
        return self._free

    def held(self, space: str) -> int:
        """How many bytes a space holds."""
        return self._held.get(space, 0)

    def take(self, space: str, count: int) -> bool:
        """Take so many bytes, or none of them."""
        held = self.held(space)
        left = self._free - count
        if left < 0 or held + count > _PER_FREE * left:
            return False
        self._free = left
        if count:
            self._held[space] = held + count
        return True

    def give_back(self, space: str, count: int) -> None:
        """Give back what was taken."""
        self._free += count
        left = self.held(space) - count
        if left:
            self._held[space] = left
        else:
            self._held.pop(space, None)


@dataclass(slots=True)
class _Use:
    """What a space has used lately, as of a moment, and from when on its pace lets it go on."""

    at: float
    lately: float = 0.0
    due: float = 0.0
    tasks: int = 0

    def add(self, used: float, taken: float, now: float) -> None:
        self.lately = self._lately_at(now) + used
        self.at = now
        self.due = max(self.due, now - taken - _SAVED_SECONDS) + taken / _PACE

    def load_at(self, now: float) -> float:
        return self._lately_at(now) * max(1, self.tasks)

    def is_present(self, now: float) -> bool:
        return now - self.at < _LATELY_SECONDS

    def _lately_at(self, now: float) -> float:
        return self.lately * exp((self.at - now) / _LATELY_SECONDS)


class FairTime:
    """The time of something that one space at a time can use.

    The load of a space is what it has used lately, times its tasks that go on: of two that use as
    much, the one that asks one thing after the other goes before the one that asks all at once.
    The least load goes first. A space with more load than another one that is there is paced: it
    has an eighth of the time, however much is left. For the operating system lets a process wait
    that is always busy, and with it the requests of all spaces.
    """

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}

    @property
    def spaces(self) -> frozenset[str]:
        """The spaces of which anything is remembered."""
        return frozenset(self._uses)

    def begin(self, space: str, now: float) -> None:
        """Count one task more."""
        use = self._uses.get(space)
        if use is None:
            kept = self._uses.items()
            self._uses = {name: one for name, one in kept if one.tasks or one.is_present(now)}
            use = self._uses[space] = _Use(now)
        use.tasks += 1

    def end(self, space: str) -> None:
        """Count one task less."""
        self._uses[space].tasks -= 1

    def charge(self, space: str, used: float, taken: float, now: float) -> None:
        """Count what a task of a space has used until now, and how long that has taken."""
        self._uses[space].add(used, taken, now)

    def due(self, space: str, now: float) -> float:
        """When a space with a task may go on; not later than now where its pace allows it."""
        use = self._uses[space]
        if use.due <= now or len(self._uses) == 1:
            return now
        load = use.load_at(now)
        others = (one for one in self._uses.values() if one is not use and one.is_present(now))
        return use.due if any(one.load_at(now) < load for one in others) else now

    def choose(self, spaces: Iterable[str], now: float) -> tuple[str, float]:
        """Which of some spaces goes on first, and when: now, or once the first of them is due."""
        due = {space: self.due(space, now) for space in spaces}
        space = min(due, key=lambda one: (due[one], self._uses[one].load_at(now)))
        return space, due[space]


class FairShares(Generic[T]):
    """Which space holds how many slots, and the tickets of those that wait for one."""

    def __init__(self, limits: ShareLimits) -> None:
        self.limits = limits
        self._held: dict[str, int] = {}
        self._free = limits.capacity
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._latest: tuple[str, float] | None = None
        # The space that asked last before the latest one did, and when.
        self._before: tuple[str, float] | None = None

    def held(self, space: str) -> int:
        """How many slots a space holds."""
        return self._held.get(space, 0)

    def ask(self, space: str, ticket: T, now: float) -> Grant:
        """Take a slot, or wait for one with a ticket; `now` is in seconds."""
        self._note(space, now)
        if self.has_room(space, now):
            self._take(space)
            return Grant.GRANTED
        queue = self._waiting.get(space)
        if len(queue or ()) >= self.limits.queue:
            return Grant.REFUSED
        if queue is None:
            queue = self._waiting[space] = deque()
        queue.append(ticket)
        return Grant.QUEUED

    def has_room(self, space: str, now: float) -> bool:
        """Whether a space that asks now would get a slot at once."""
        return space not in self._waiting and self._may_take(space, now)

    def release(self, space: str, now: float) -> list[T]:
        """Give a slot back; the tickets that have one now."""
        self._free += 1
        if self._held[space] == 1:
            del self._held[space]
        else:
            self._held[space] -= 1
        return self._serve(now)

    def withdraw(self, space: str, ticket: T) -> None:
        """Wait no longer; a ticket that does not wait is passed over."""
        queue = self._waiting.get(space)
        if queue is not None and ticket in queue:
            queue.remove(ticket)
            if not queue:
                del self._waiting[space]

    def _serve(self, now: float) -> list[T]:
        served: list[T] = []
        while ready := [space for space in self._waiting if self._may_take(space, now)]:
            space = min(ready, key=self.held)
            queue = self._waiting[space]
            served.append(queue.popleft())
            self._take(space)
            if queue:
                self._waiting.move_to_end(space)
            else:
                del self._waiting[space]
        return served

    def _take(self, space: str) -> None:
        self._free -= 1
        self._held[space] = self._held.get(space, 0) + 1

    def _may_take(self, space: str, now: float) -> bool:
        held = self._held.get(space, 0)
        if not held:
            return self._free > 0
        if held + 1 > _PER_FREE * (self._free - 1):
            return False
        crowded = self.limits.crowded
        return crowded is None or held < crowded or not self._is_crowded(space, now)

    def _is_crowded(self, space: str, now: float) -> bool:
        if len(self._held) > 1 or len(self._waiting) > 1:
            return True
        latest = self._latest if self._latest and self._latest[0] != space else self._before
        return latest is not None and now - latest[1] < PRESENT_SECONDS

    def _note(self, space: str, now: float) -> None:
        if self._latest is not None and self._latest[0] != space:
            self._before = self._latest
        self._latest = (space, now)
