"""Records are read strictly, as far as their shape goes."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from stratoscope_contracts.records import (
    BatchEvent,
    BatchMessage,
    BatchSnapshot,
    EventRecord,
    MoveOperation,
    RemoveOperation,
    SnapshotRecord,
    ValueOperation,
)
from stratoscope_contracts.words import MAX_BATCH_RECORDS, MAX_CAUSES, MAX_PATCH_OPERATIONS

NO_STATES: list[Any] = [[], "x", 1, None]


def event(**fields: Any) -> EventRecord:
    return EventRecord.model_validate_json(json.dumps({"type": "state_change", **fields}))


def snapshot(**fields: Any) -> SnapshotRecord:
    return SnapshotRecord.model_validate_json(json.dumps({"state": {}, **fields}))


def test_an_event_needs_its_type_only() -> None:
    """All else falls back."""
    found = event()
    assert (found.id, found.occurred_at) == (None, None)
    assert (found.data, found.metadata, found.causes, found.patch) == ({}, {}, [], [])
    with pytest.raises(ValidationError):
        EventRecord.model_validate_json("{}")


def test_a_snapshot_needs_its_state_only_and_as_an_object() -> None:
    """A state that is a list, a text or nothing is no state."""
    found = snapshot()
    assert (found.id, found.label, found.memory_usage, found.metadata) == (None, None, None, {})
    for state in NO_STATES:
        with pytest.raises(ValidationError):
            snapshot(state=state)
    with pytest.raises(ValidationError):
        SnapshotRecord.model_validate_json("{}")


def test_unknown_fields_are_passed_over() -> None:
    """The wire grows by addition."""
    assert event(kind="snapshot", later=1) == event()


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "Bad"},
        {"type": 1},
        {"id": "x"},
        {"id": 5},
        {"occurred_at": 1769500800},
        {"occurred_at": "1769500800"},
        {"data": []},
        {"data": None},
        {"metadata": "x"},
        {"metadata": None},
        {"causes": None},
        {"causes": ["x"]},
        {"causes": "x"},
        {"patch": None},
        {"patch": [{"op": "add", "path": "/a"}]},
        {"patch": [{"op": "move", "path": "/a"}]},
        {"patch": [{"op": "grow", "path": "/a"}]},
        {"patch": [{"op": "remove", "path": "a"}]},
        {"patch": [{"op": "remove", "path": "/a~2"}]},
        {"patch": [{"op": "remove", "path": "/a~"}]},
        {"patch": [{"path": "/a"}]},
        {"patch": {"op": "remove", "path": "/a"}},
    ],
)
def test_an_event_of_the_wrong_shape(fields: dict[str, Any]) -> None:
    """Nothing is turned into what it is not."""
    with pytest.raises(ValidationError):
        event(**fields)


@pytest.mark.parametrize("usage", [-1, 2**63, 1.0, "1", True])
def test_memory_usage_is_a_whole_number_that_a_database_can_hold(usage: Any) -> None:
    """0 to 2^63-1."""
    assert snapshot(memory_usage=2**63 - 1).memory_usage == 2**63 - 1
    with pytest.raises(ValidationError):
        snapshot(memory_usage=usage)


def test_limits_hold_to_the_last_item() -> None:
    """At the limit is taken, one over is not."""
    assert len(event(causes=[str(uuid4())] * MAX_CAUSES).causes) == MAX_CAUSES
    with pytest.raises(ValidationError):
        event(causes=[str(uuid4())] * (MAX_CAUSES + 1))
    operation = {"op": "remove", "path": "/a"}
    assert len(event(patch=[operation] * MAX_PATCH_OPERATIONS).patch) == MAX_PATCH_OPERATIONS
    with pytest.raises(ValidationError):
        event(patch=[operation] * (MAX_PATCH_OPERATIONS + 1))


def test_a_batch_holds_one_to_ten_thousand_records() -> None:
    """An empty one says nothing."""
    record = {"kind": "event", "type": "a"}
    full = json.dumps({"records": [record] * MAX_BATCH_RECORDS})
    assert len(BatchMessage.model_validate_json(full).records) == MAX_BATCH_RECORDS
    for records in ([], [record] * (MAX_BATCH_RECORDS + 1)):
        with pytest.raises(ValidationError):
            BatchMessage.model_validate_json(json.dumps({"records": records}))


def test_a_patch_operation_carries_what_its_op_needs() -> None:
    """A null is a value, and unknown members are passed over."""
    found = event(
        patch=[
            {"op": "add", "path": "/a~1b/~0", "value": None, "why": "?"},
            {"op": "replace", "path": "", "value": {"x": 1}},
            {"op": "test", "path": "/x", "value": 1},
            {"op": "remove", "path": "/x"},
            {"op": "move", "from": "/x", "path": "/y"},
            {"op": "copy", "from": "/x", "path": "/y"},
        ]
    ).patch
    kinds = [ValueOperation] * 3 + [RemoveOperation] + [MoveOperation] * 2
    assert [type(operation) for operation in found] == kinds
    assert found[0].model_dump() == {"op": "add", "path": "/a~1b/~0", "value": None}
    assert found[4].model_dump() == {"op": "move", "path": "/y", "from": "/x"}


def test_a_batch_tells_events_from_snapshots_by_their_kind() -> None:
    """A record in a batch is the same record with its kind."""
    text = '{"records":[{"kind":"event","type":"a"},{"kind":"snapshot","state":{"h":1}}]}'
    first, second = BatchMessage.model_validate_json(text).records
    assert first == BatchEvent(kind="event", type="a")
    assert second == BatchSnapshot(kind="snapshot", state={"h": 1})
    assert isinstance(first, EventRecord)
    assert isinstance(second, SnapshotRecord)


@pytest.mark.parametrize("record", [{"type": "a"}, {"kind": "batch"}, {"kind": "event"}, 5, None])
def test_a_batch_with_one_record_that_does_not_fit(record: Any) -> None:
    """The whole message is refused."""
    with pytest.raises(ValidationError):
        BatchMessage.model_validate_json(
            json.dumps({"records": [{"kind": "event", "type": "a"}, record]})
        )


def test_a_record_made_in_python_takes_its_ids_as_text_or_uuid() -> None:
    """Recorders hand out ids as text."""
    found = uuid4()
    assert EventRecord(type="a", id=str(found), causes=[str(found)]).id == found  # type: ignore[arg-type, list-item]  # text on purpose
    assert EventRecord(type="a", id=found).id == found


@pytest.mark.parametrize("spelled", ["{}", "urn:uuid:{}", "upper", "hex"])
def test_an_id_may_come_in_any_spelling_and_leaves_in_one(spelled: str) -> None:
    """Other languages spell UUIDs their own way."""
    found = UUID("0195a3c0-7e10-7001-8a2b-3c4d5e6f0001")
    text = {"upper": str(found).upper(), "hex": found.hex}.get(spelled, spelled.format(found))
    assert json.loads(event(id=text).model_dump_json(exclude_unset=True))["id"] == str(found)


def test_what_was_not_given_is_not_sent() -> None:
    """`exclude_unset` is the record as its sender gave it."""
    text = '{"type":"a","data":{"x":1.0}}'
    assert EventRecord.model_validate_json(text).model_dump_json(exclude_unset=True) == text
