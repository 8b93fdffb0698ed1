"""What is recorded and not yet acknowledged, in order for each agent and bounded for all.

A *lane* an agent: the records that wait, and how many of all it ever took are settled
(acknowledged, or given up). The outbox only keeps and counts, under one lock, so that any thread
may offer; who waits, sends and wakes is elsewhere.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum, auto

from stratoscope.recorder.gap import Gap, carry, gap_of, join, notice
from stratoscope.recorder.preparing import Prepared
from stratoscope_contracts.value_count import FEWEST_BYTES

# `{"records":[` and `]}` and the comma of each record.
_BATCH_FRAME = 14
_MEMBER_FRAME = 32
# A full queue is relieved of this part of it at once: looking for the oldest costs a look at every
# agent.
_RELIEF = 64


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
    """Lost because the queue was full; the next record that is sent says so."""
    refused: int = 0
    """Taken, but nothing that this broker would ever store."""
    retries: int = 0
    """Messages that had to be sent once more."""


Entry = tuple[float, Prepared, Gap | None]


@dataclass(slots=True, eq=False)
class Lane:
    """The records of one agent, with when each came and what was dropped right before it."""

    agent: str
    waiting: deque[Entry] = field(default_factory=deque)
    waiting_bytes: int = 0
    taken: int = 0
    in_flight: int = 0
    """How many are in a batch that is not acknowledged: they are never dropped."""
    settled: int = 0
    """Up to which record all are acknowledged, given up or dropped."""
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
        # What was dropped of an agent after the last record that waits.
        self._gaps: dict[str, Gap] = {}
        self.is_stuck = False
        """Whether waiting for room was in vain, and nothing was settled since."""
        self._counts = dict.fromkeys((one.name for one in fields(Stats)), 0)

    @property
    def stats(self) -> Stats:
        """The counts of this moment."""
        with self._lock:
            return Stats(**self._counts)

    def offer(self, agent: str, record: Prepared) -> Offered:
        """Take a record if there is room for it."""
        with self._lock:
            if self._is_full(len(record.body)):
                return Offered.FULL
            return self._append(agent, record)

    def displace(self, agent: str, record: Prepared) -> Offered:
        """Take a record, and drop the oldest that wait where there is no room for it.

        The record itself is dropped where all that is buffered is under way, or where it is larger
        than the whole queue.
        """
        size = len(record.body)
        with self._lock:
            if self._is_full(size) and size <= self._bounds.bytes:
                self._relieve(size)
            if self._is_full(size):
                self._drop(agent, record)
                return Offered.TAKEN
            return self._append(agent, record)

    def drop(self, agent: str, record: Prepared) -> None:
        """Take a record no further than into the gap that the agent's next one will tell of."""
        with self._lock:
            self._drop(agent, record)

    def _append(self, agent: str, record: Prepared) -> Offered:
        size = len(record.body)
        lane = self._lanes.get(agent)
        is_new = lane is None
        if lane is None:
            lane = self._lanes[agent] = Lane(agent)
        was_due = self._fills_a_batch(lane)
        gap = self._gaps.pop(agent, None) if self._gaps else None
        lane.waiting.append((self._clock(), record, gap))
        lane.waiting_bytes += size + _MEMBER_FRAME
        lane.taken += 1
        self._bytes += size
        self._counts["recorded"] += 1
        self._counts["buffered"] += 1
        if is_new or (not was_due and self._fills_a_batch(lane)):
            return Offered.STIRS
        return Offered.TAKEN

    def _relieve(self, size: int) -> None:
        """Drop the oldest of all agents until `size` bytes fit, and a part of the queue is free."""
        bounds = self._bounds
        oldest = [
            (lane.waiting[0][0], number, lane)
            for number, lane in enumerate(self._lanes.values())
            if lane.waiting
        ]
        heapq.heapify(oldest)
        most_records = bounds.records - max(1, bounds.records // _RELIEF)
        most_bytes = bounds.bytes - max(size, bounds.bytes // _RELIEF)
        while oldest and (self._counts["buffered"] > most_records or self._bytes > most_bytes):
            _, number, lane = heapq.heappop(oldest)
            self._drop_first(lane)
            if lane.waiting:
                heapq.heappush(oldest, (lane.waiting[0][0], number, lane))

    def _drop_first(self, lane: Lane) -> None:
        _, record, gap = lane.waiting.popleft()
        lane.waiting_bytes -= len(record.body) + _MEMBER_FRAME
        self._bytes -= len(record.body)
        self._counts["buffered"] -= 1
        self._counts["dropped"] += not record.is_notice
        self._leave(lane, join(gap, gap_of(record)))
        _settle_dropped(lane)

    def _drop(self, agent: str, record: Prepared) -> None:
        self._counts["dropped"] += 1
        gap = join(self._gaps.get(agent), gap_of(record))
        assert gap is not None
        self._gaps[agent] = gap

    def _leave(self, lane: Lane, gap: Gap | None) -> None:
        """Have the first that waits tell of a gap, or the first that comes."""
        if gap is None:
            return
        if lane.waiting:
            moment, record, later = lane.waiting[0]
            lane.waiting[0] = (moment, record, join(gap, later))
        else:
            self._gaps[lane.agent] = join(gap, self._gaps.get(lane.agent)) or gap

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
        # Several records together hold no more values than intake takes of one message.
        room = min(self._bounds.batch_bytes, most_bytes, FEWEST_BYTES) - _BATCH_FRAME
        batch: list[Prepared] = []
        with self._lock:
            while lane.waiting and len(batch) < self._bounds.batch_records:
                record = lane.waiting[0][1]
                size = len(record.body) + _MEMBER_FRAME
                if batch and (size > room or not _go_together(batch[0], record)):
                    break
                room -= size
                lane.waiting_bytes -= size
                gap = lane.waiting.popleft()[2]
                batch.append(record if gap is None else self._told(lane, record, gap, most_bytes))
            lane.in_flight += len(batch)
        return batch

    def _told(self, lane: Lane, record: Prepared, gap: Gap, most_bytes: int) -> Prepared:
        """The record that tells of the gap before it; where it can't, the next one will."""
        most_bytes = min(most_bytes, FEWEST_BYTES) - _BATCH_FRAME - _MEMBER_FRAME
        carrying = carry(record, gap, most_bytes)
        if carrying is None:
            self._leave(lane, gap)
            return record
        self._bytes += carrying.size - record.size
        return carrying

    def settle(self, lane: Lane, batch: Sequence[Prepared], *, refused: bool) -> None:
        """Forget a batch: it is acknowledged, or given up because nothing would ever take it."""
        with self._lock:
            self.is_stuck = False
            lane.settled += len(batch)
            lane.in_flight -= len(batch)
            _settle_dropped(lane)
            self._bytes -= sum(record.size for record in batch)
            self._counts["buffered"] -= len(batch)
            self._counts["refused" if refused else "acknowledged"] += len(batch)
            if refused:
                for record in reversed(batch):
                    self._leave(lane, gap_of(record))

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

    def tell_gaps(self, agent: str | None) -> None:
        """Have what was dropped last (of one agent) told, though no record may follow."""
        with self._lock:
            for name in [name for name in self._gaps if agent in (None, name)]:
                self._append(name, notice(self._gaps.pop(name)))

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


def _settle_dropped(lane: Lane) -> None:
    """What was dropped behind a batch is settled with it: a flush waits for it no longer."""
    if not lane.in_flight:
        lane.settled = lane.taken - len(lane.waiting)


def _go_together(first: Prepared, record: Prepared) -> bool:
    return not (first.packed or record.packed) and first.traceparent == record.traceparent
