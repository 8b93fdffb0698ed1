"""The outbox keeps each agent's order, is bounded, and says when a batch is due."""

from __future__ import annotations

from stratoscope.recorder.ids import new_id
from stratoscope.recorder.outbox import Bounds, Lane, Offered, Outbox
from stratoscope.recorder.preparing import Prepared
from stratoscope_contracts.words import MIB


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def outbox(clock: Clock, **bounds: int) -> Outbox:
    given = {"records": 100, "bytes": 10_000, "batch_records": 3, "batch_bytes": 1_000} | bounds
    return Outbox(Bounds(batch_age=0.5, **given), clock)


def record(size: int = 10, *, packed: bool = False, trace: str | None = None) -> Prepared:
    return Prepared("event", new_id(), b"{" + b" " * (size - 2) + b"}", packed, trace)


def lane_of(box: Outbox, agent: str) -> Lane:
    lane = box.lane(agent)
    assert lane is not None
    return lane


def test_a_batch_is_due_by_age_by_count_and_by_bytes() -> None:
    """Whichever comes first."""
    clock = Clock()
    box = outbox(clock)
    assert box.offer("a", record()) is Offered.STIRS
    lane = lane_of(box, "a")
    assert box.due_in(lane) == 0.5
    clock.now += 0.2
    assert box.offer("a", record()) is Offered.TAKEN
    assert 0.29 < (box.due_in(lane) or 0) < 0.31
    assert box.offer("a", record()) is Offered.STIRS
    assert box.due_in(lane) == 0
    assert box.offer("b", record(2_000)) is Offered.STIRS
    assert box.due_in(lane_of(box, "b")) == 0


def test_batches_come_in_order_within_their_limits() -> None:
    """Three records, or a thousand bytes; one larger than that goes alone."""
    box = outbox(Clock())
    records = [record(), record(), record(), record(), record(5_000), record()]
    for one in records:
        box.offer("a", one)
    lane = lane_of(box, "a")
    taken = [list(box.take(lane, MIB)) for _ in range(4)]
    assert taken == [records[:3], records[3:4], records[4:5], records[5:]]
    assert not box.take(lane, MIB)


def test_a_packed_record_goes_alone_and_traces_do_not_mix() -> None:
    """A message has one encoding and one trace context."""
    box = outbox(Clock(), batch_records=10)
    records = [record(), record(packed=True), record(), record(trace="t"), record(trace="t")]
    for one in records:
        box.offer("a", one)
    lane = lane_of(box, "a")
    taken = [len(box.take(lane, MIB)) for _ in range(4)]
    assert taken == [1, 1, 1, 2]


def test_it_is_full_by_records_and_by_bytes_until_what_was_taken_is_settled() -> None:
    """What is under way still takes room; a record larger than all of it gets through alone."""
    box = outbox(Clock(), records=2)
    box.offer("a", record())
    box.offer("b", record())
    assert box.offer("a", record()) is Offered.FULL
    lane = lane_of(box, "a")
    batch = box.take(lane, MIB)
    assert box.offer("a", record()) is Offered.FULL
    box.settle(lane, batch, refused=False)
    assert box.offer("a", record(20_000)) is Offered.FULL
    other = lane_of(box, "b")
    box.settle(other, box.take(other, MIB), refused=True)
    assert box.offer("a", record(20_000)) is not Offered.FULL
    assert box.offer("a", record()) is Offered.FULL
    stats = box.stats
    assert (stats.recorded, stats.acknowledged, stats.refused, stats.buffered) == (3, 1, 1, 1)


def test_a_hurried_lane_is_due_until_what_was_there_is_settled() -> None:
    """What comes after a flush waits for company again."""
    box = outbox(Clock())
    box.offer("a", record())
    box.offer("b", record())
    lane = lane_of(box, "a")
    assert box.hurry("a") == [(lane, 1)]
    assert box.due_in(lane) == 0
    assert box.due_in(lane_of(box, "b")) == 0.5
    batch = box.take(lane, MIB)
    box.offer("a", record())
    box.settle(lane, batch, refused=False)
    assert box.due_in(lane) == 0.5


def test_an_empty_lane_is_forgotten_and_one_with_something_is_not() -> None:
    """There may be more agents in a process's life than it can remember."""
    box = outbox(Clock())
    box.offer("a", record())
    lane = lane_of(box, "a")
    assert not box.retire(lane)
    box.settle(lane, box.take(lane, MIB), refused=False)
    assert box.due_in(lane) is None
    assert box.retire(lane)
    assert box.lane("a") is None
    assert box.offer("a", record()) is Offered.STIRS
