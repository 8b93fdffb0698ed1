"""A partition that the others would wait for is named, and evenly spread load is not."""

from datetime import UTC, datetime

import pytest

from stratoscope.broker.puller import Delivered
from stratoscope.projector.backlog import Backlog, weigh

KIB = 1 << 10
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def message(partition: int, size: int = 500 * KIB, kind: str = "event") -> Delivered:
    subject = f"strato.default.part.{partition}.agent.{kind}"
    return Delivered(1, NOW, subject, None, b"{}", size)


def test_few_messages_of_one_partition_are_no_flood():
    assert not Backlog().add([message(3, 400 * KIB)] * 2)
    assert not Backlog().add([message(3, 1000 * KIB)] * 2)
    assert not Backlog().add([message(3, 300)] * 900)


@pytest.mark.parametrize("flood", [[message(3)] * 3, [message(3, 300)] * 1200])
def test_a_partition_with_much_that_waits_is_set_apart(flood: list[Delivered]):
    assert Backlog().add([*flood, message(5, 300), message(6, 300)]) == {3}


def test_large_messages_are_set_apart_however_many_there_are():
    assert Backlog().add([message(1, 300), message(3, 2048 * KIB)]) == {3}


def test_what_is_spread_evenly_waits_together():
    backlog = Backlog()
    for first in range(64):
        assert not backlog.add([message((first * 8 + at) % 16) for at in range(8)])


def test_several_partitions_that_flood_are_found_within_some_batches():
    backlog = Backlog()
    found = [backlog.add([message(number % 4) for number in range(8)]) for _ in range(2)]
    assert found == [frozenset(), {0, 1, 2, 3}]


def test_a_backlog_that_was_worked_off_counts_no_longer():
    backlog = Backlog()
    assert not backlog.add([message(number % 4) for number in range(8)])
    assert not backlog.add([message(9, 300)])
    assert not backlog.add([message(number % 4) for number in range(8)])


def test_what_is_in_no_partition_goes_with_the_first():
    odd = message(0)
    odd.subject = "strato.*.rec.*.event"
    assert Backlog().add([odd] * 3) == {0}


def test_the_records_of_a_batch_are_counted_before_it_is_read():
    short = message(1, kind="batch")
    short.data = b'{"records":[' + b",".join([b'{"type":"x"}'] * 1000) + b"]}"
    short.size = len(short.data)
    packed = message(1, short.size, "batch")
    packed.data = b"packed"
    assert weigh(short) > 200_000
    assert weigh(short) > 10 * weigh(message(1, short.size))
    assert weigh(packed) > 2 * packed.size
