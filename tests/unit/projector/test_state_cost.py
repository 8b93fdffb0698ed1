"""What a batch may cost, alone and where other partitions wait for it."""

from datetime import UTC, datetime

import pytest

from stratoscope.domain.overload import Overload
from stratoscope.domain.records import EventIn, Head, Message, SnapshotIn
from stratoscope.projector.state_cost import BatchBudget, head_bytes, sets_state

MIB = 1 << 20
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY_VALUES = b"[" + b"0," * 300_000 + b"0]"
LONG_TEXT = b'"' + b"x" * MIB + b'"'


def event(patched: bool = True) -> EventIn:
    patch = [{"op": "replace", "path": "/a", "value": 1}] if patched else None
    return EventIn(None, "x", None, "{}", None, (), patch, "[]" if patched else None, None)


def snapshot(size: int) -> SnapshotIn:
    return SnapshotIn(None, None, {}, b"x" * size, None, None, None)


def message(*records: EventIn | SnapshotIn, partition: int = 3) -> Message:
    return Message(1, NOW, "default", f"agent-{partition}", partition, records, None)


def budget(newest: bytes, *, light: bool = True, whole: bool = False) -> BatchBudget:
    found = BatchBudget(light=light, whole=whole)
    found.load(message().timeline, newest)
    return found


def test_patches_of_many_values_are_not_for_a_batch_that_others_wait_for():
    found = budget(MANY_VALUES)
    for first in (True, False, False):
        assert found.take(message(event()), is_first=first)
    with pytest.raises(Overload) as raised:
        found.take(message(event()), is_first=False)
    assert raised.value.partitions == {3}


def test_one_message_of_many_patches_is_not_for_a_batch_that_others_wait_for():
    with pytest.raises(Overload):
        budget(LONG_TEXT).take(message(*[event()] * 20), is_first=True)


@pytest.mark.parametrize("found", [budget(LONG_TEXT, light=False), budget(LONG_TEXT, whole=True)])
def test_alone_a_message_is_taken_whatever_it_costs(found: BatchBudget):
    assert found.take(message(*[event()] * 200), is_first=True)
    assert found.work > 200 * MIB


def test_a_batch_ends_before_it_writes_too_much():
    found = budget(b"{}", light=False)
    assert found.take(message(snapshot(40 * MIB)), is_first=True)
    assert not found.take(message(snapshot(40 * MIB)), is_first=False)
    assert found.work == 40 * MIB


def test_a_light_batch_ends_earlier():
    found = budget(b"{}")
    assert found.take(message(snapshot(10 * MIB)), is_first=True)
    assert not found.take(message(snapshot(10 * MIB)), is_first=False)


def test_states_are_loaded_until_they_take_too_much_memory():
    found = budget(MANY_VALUES)
    assert found.knows(message().timeline)
    assert not found.knows(message(partition=4).timeline)
    assert found.has_room
    for partition in 4, 5:
        found.load(message(partition=partition).timeline, MANY_VALUES)
    assert not found.has_room


def test_what_writes_no_state_costs_nothing():
    assert not sets_state(message(event(patched=False)))
    assert sets_state(message(event()))
    assert sets_state(message(snapshot(1)))
    assert head_bytes(Head(1)) == 0
