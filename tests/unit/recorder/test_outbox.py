"""The outbox keeps each agent's order, is bounded, and says when a batch is due."""

from __future__ import annotations

import json

from stratoscope.recorder.gap import Gap
from stratoscope.recorder.ids import new_id
from stratoscope.recorder.outbox import Bounds, Lane, Offered, Outbox
from stratoscope.recorder.preparing import Prepared
from stratoscope_contracts.words import MIB, RecordKind


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


def timed(at: str, kind: RecordKind = "event", size: int = 60) -> Prepared:
    body = b'{"x":"%b"}' % (b"y" * (size - 8))
    return Prepared(kind, new_id(), body, occurred_at=at)


def test_the_oldest_of_all_agents_are_displaced_and_those_under_way_are_not() -> None:
    """Each agent's next record says how many of its own are missing."""
    clock = Clock()
    box = outbox(clock, records=4)
    for agent in ("a", "b", "a", "b"):
        clock.now += 1
        box.offer(agent, timed(f"T{clock.now:.0f}"))
    a, b = lane_of(box, "a"), lane_of(box, "b")
    under_way = box.take(a, MIB)
    assert len(under_way) == 2
    for _ in range(3):
        clock.now += 1
        box.displace("b", timed(f"T{clock.now:.0f}"))
    assert box.stats.dropped == 3
    [first, second] = box.take(b, MIB)
    assert (first.gap, second.gap) == (Gap(3, "T102", "T105"), None)
    assert b'"gap":{"records":3,"first_at":"T102","last_at":"T105"}}' in first.body
    # All is under way: the new one is lost itself, and the next to be taken says so.
    box.displace("a", timed("T200"))
    box.settle(a, under_way, refused=False)
    box.settle(b, [first, second], refused=False)
    box.offer("a", timed("T201"))
    assert box.take(a, MIB)[0].gap == Gap(1, "T200", "T200")
    stats = box.stats
    assert (stats.recorded, stats.acknowledged, stats.dropped, stats.buffered) == (8, 4, 4, 1)


def test_a_flush_counts_what_was_dropped_only_once_what_stands_before_it_is_settled() -> None:
    """Else it would be over before the record that it was asked for is stored."""
    box = outbox(Clock(), records=3)
    box.offer("a", timed("T1"))
    lane = lane_of(box, "a")
    first = box.take(lane, MIB)
    assert box.hurry("a") == [(lane, 1)]
    box.offer("a", timed("T2"))
    box.offer("a", timed("T3"))
    box.displace("a", timed("T4"))
    box.displace("a", timed("T5"))
    assert (lane.settled, lane.taken) == (0, 5)
    box.settle(lane, first, refused=False)
    assert lane.settled == 3
    box.settle(lane, box.take(lane, MIB), refused=False)
    assert (lane.settled, box.stats.buffered, box.stats.dropped) == (5, 0, 2)
    assert box._bytes == 0


def test_a_snapshot_is_sent_with_an_event_that_tells_of_the_gap() -> None:
    """It can carry none itself; a packed one leaves it to the next."""
    box = outbox(Clock())
    box.drop("a", timed("T1"))
    box.offer("a", Prepared("snapshot", new_id(), b"packed", packed=True))
    box.offer("a", timed("T2", "snapshot"))
    lane = lane_of(box, "a")
    packed = box.take(lane, MIB)
    assert packed[0].gap is None
    [told] = box.take(lane, MIB)
    assert told.gap == Gap(1, "T1", "T1")
    members = [json.loads(b"[%b]" % told.member)[0], json.loads(b"[%b]" % told.member)[1]]
    assert members[0].pop("id")
    assert members == [
        {
            "kind": "event",
            "type": "records_dropped",
            "occurred_at": "T1",
            "gap": {"records": 1, "first_at": "T1", "last_at": "T1"},
        },
        {"kind": "snapshot", "x": "y" * 52},
    ]
    box.settle(lane, packed, refused=False)
    # Given up, it is missing as well, with all that it would have told.
    box.settle(lane, [told], refused=True)
    box.offer("a", timed("T3"))
    assert box.take(lane, MIB)[0].gap == Gap(2, "T1", "T2")
    assert box.stats.refused == 1


def test_a_record_as_large_as_a_message_leaves_the_gap_to_the_next() -> None:
    """It would never be taken with it."""
    box = outbox(Clock(), bytes=10 * MIB)
    box.drop("a", timed("T1"))
    large = timed("T2", size=900)
    box.offer("a", large)
    lane = lane_of(box, "a")
    assert box.take(lane, 946) == [large]
    box.offer("a", timed("T3"))
    assert box.take(lane, 946)[0].gap == Gap(1, "T1", "T1")


def test_what_was_dropped_last_is_told_when_it_is_asked_for() -> None:
    """An event of its own, which is no record of the agent's if it is dropped too."""
    box = outbox(Clock(), records=1)
    box.drop("a", timed("T1"))
    box.tell_gaps("b")
    assert box.lane("a") is None
    box.tell_gaps(None)
    box.displace("b", timed("T2"))
    assert box.stats.dropped == 1
    box.displace("a", timed("T3"))
    assert box.take(lane_of(box, "a"), MIB)[0].gap == Gap(1, "T1", "T1")
