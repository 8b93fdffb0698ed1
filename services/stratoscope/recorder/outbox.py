"""What is recorded and not yet acknowledged, in order for each agent and bounded for all.

A *lane* an agent: the records that wait, and how many of all it ever took are settled
(acknowledged, or given up). The outbox only keeps and counts, under one lock, so that any thread
may offer; who waits, sends and wakes is elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum, auto

from stratoscope.recorder.preparing import Prepared

# `{"records":[` and `]}` and the comma of each record.
_BATCH_FRAME = 14
_MEMBER_FRAME = 32


class Offered(Enum):
    """What became of a record that was offered."""

    FULL = auto()
    """There is no room: it was not taken."""
    TAKEN = auto()
    """Taken, and its lane goes on as it did."""
    STIRS = auto()
    """Taken, and its lane now has to be looked at."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait in all, and what makes a batch."""

    records: int
    bytes: int
    batch_records: int
    batch_bytes: int
    batch_age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What a recorder has done so far; `buffered` is what is not acknowledged yet."""

    recorded: int = 0
    """Taken from the agents."""
    acknowledged: int = 0
    """Stored by the broker."""
    buffered: int = 0
    dropped: int = 0
    """Not taken, for the queue was full and `on_full` is "drop"."""
    refused: int = 0
    """Taken, but nothing that this broker would ever store."""
    retries: int = 0
    """Messages that had to be sent once more."""


@dataclass(slots=True, eq=False)
class Lane:
    """The records of one agent, with when each came."""

    agent: str
    waiting: deque[tuple[float, Prepared]] = field(default_factory=deque)
    waiting_bytes: int = 0
    taken: int = 0
    settled: int = 0
    urgent: int = 0
    """Up to which record nothing waits for company: a flush has asked."""


class Outbox:
    """The lanes of one recorder."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds = bounds
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._bytes = 0
        self._counts = dict.fromkeys((one.name for one in fields(Stats)), 0)

    @property
    def stats(self) -> Stats:
        """The counts of this moment."""
        with self._lock:
            return Stats(**self._counts)

    def offer(self, agent: str, record: Prepared) -> Offered:
        """Take a record if there is room for it."""
        size = len(record.body)
        with self._lock:
            if self._is_full(size):
                return Offered.FULL
            lane = self._lanes.get(agent)
            is_new = lane is None
            if lane is None:
                lane = self._lanes[agent] = Lane(agent)
            was_due = self._fills_a_batch(lane)
            lane.waiting.append((self._clock(), record))
            lane.waiting_bytes += size + _MEMBER_FRAME
            lane.taken += 1
            self._bytes += size
            self._counts["recorded"] += 1
            self._counts["buffered"] += 1
            stirs = is_new or (not was_due and self._fills_a_batch(lane))
        return Offered.STIRS if stirs else Offered.TAKEN

    def lane(self, agent: str) -> Lane | None:
        """The lane of an agent that has something buffered."""
        return self._lanes.get(agent)

    def due_in(self, lane: Lane) -> float | None:
        """Seconds until the lane's next batch is due, 0 for now; None where nothing waits."""
        with self._lock:
            if not lane.waiting:
                return None
            if lane.urgent > lane.settled or self._fills_a_batch(lane):
                return 0
            return max(0.0, lane.waiting[0][0] + self._bounds.batch_age - self._clock())

    def take(self, lane: Lane, most_bytes: int) -> Sequence[Prepared]:
        """The lane's next batch, at least one record; they count as buffered until settled.

        A packed record goes alone, and those of one message share their trace context.
        """
        room = min(self._bounds.batch_bytes, most_bytes) - _BATCH_FRAME
        batch: list[Prepared] = []
        with self._lock:
            while lane.waiting and len(batch) < self._bounds.batch_records:
                record = lane.waiting[0][1]
                size = len(record.body) + _MEMBER_FRAME
                if batch and (size > room or not _go_together(batch[0], record)):
                    break
                room -= size
                lane.waiting_bytes -= size
                lane.waiting.popleft()
                batch.append(record)
        return batch

    def settle(self, lane: Lane, batch: Sequence[Prepared], *, refused: bool) -> None:
        """Forget a batch: it is acknowledged, or given up because nothing would ever take it."""
        with self._lock:
            lane.settled += len(batch)
            self._bytes -= sum(len(record.body) for record in batch)
            self._counts["buffered"] -= len(batch)
            self._counts["refused" if refused else "acknowledged"] += len(batch)

    def retire(self, lane: Lane) -> bool:
        """Forget a lane with nothing in it; False where something has come meanwhile."""
        with self._lock:
            if lane.waiting:
                return False
            del self._lanes[lane.agent]
            return True

    def hurry(self, agent: str | None) -> list[tuple[Lane, int]]:
        """Make all that is buffered (of one agent) due now; each lane, and up to which record."""
        with self._lock:
            lanes = [
                lane
                for lane in self._lanes.values()
                if lane.taken > lane.settled and agent in (None, lane.agent)
            ]
            for lane in lanes:
                lane.urgent = lane.taken
            return [(lane, lane.taken) for lane in lanes]

    def count_dropped(self) -> int:
        """Count a record that was not taken; how many they are by now."""
        with self._lock:
            self._counts["dropped"] += 1
            return self._counts["dropped"]

    def count_retry(self) -> None:
        """Count a message that has to be sent once more."""
        with self._lock:
            self._counts["retries"] += 1

    def _is_full(self, size: int) -> bool:
        buffered = self._counts["buffered"]
        if buffered == 0:
            # A record larger than the whole queue still has to get through.
            return False
        return buffered >= self._bounds.records or self._bytes + size > self._bounds.bytes

    def _fills_a_batch(self, lane: Lane) -> bool:
        return (
            len(lane.waiting) >= self._bounds.batch_records
            or lane.waiting_bytes >= self._bounds.batch_bytes
        )


def _go_together(first: Prepared, record: Prepared) -> bool:
    return not (first.packed or record.packed) and first.traceparent == record.traceparent
