"""Places in a timeline, and changes between two of them."""

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from stratoscope_contracts import views
from stratoscope_contracts.errors import field_errors

AT = TypeAdapter[views.At](views.At)
CUT = TypeAdapter[views.CutAt](views.CutAt)
ID = "0195a3c0-7e10-7001-8a2b-3c4d5e6f0001"
TIME = "2026-11-23T08:00:00Z"


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ({"event_index": -1}, views.AtEventIndex),
        ({"time": TIME}, views.AtTime),
        ({"time": TIME, "clock": "recorded"}, views.AtTime),
        ({"stream_seq": 0}, views.AtStreamSeq),
        ({"snapshot_id": ID}, views.AtSnapshot),
        ({"event_id": ID}, views.AtEvent),
        ({"latest": True}, views.AtLatest),
    ],
)
def test_each_way_to_name_a_position(body: dict[str, Any], model: type[BaseModel]) -> None:
    """From JSON or as a model, the same comes out."""
    found = AT.validate_python(body)
    assert type(found) is model
    assert AT.validate_python(found) == found


@pytest.mark.parametrize(
    "body", [{}, {"event_index": 1, "latest": True}, {"clock": "occurred"}, 5, "latest", None, []]
)
def test_none_or_two_ways_are_told_in_one_sentence(body: Any) -> None:
    """Not six errors for six models."""
    with pytest.raises(ValidationError) as caught:
        AT.validate_python(body)
    assert field_errors(caught.value) == [
        ("", "exactly one of event_index, time, stream_seq, snapshot_id, event_id, latest")
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event_index": -2}, "event_index"),
        ({"event_index": "1"}, "event_index"),
        ({"time": "1234"}, "time"),
        ({"time": TIME, "clock": "mine"}, "clock"),
        ({"event_index": 1, "clock": "occurred"}, "clock"),
        ({"latest": False}, "latest"),
        ({"event_id": "x"}, "event_id"),
        ({"stream_seq": -1}, "stream_seq"),
    ],
)
def test_a_fault_in_a_position_names_its_field(body: dict[str, Any], field: str) -> None:
    """As the body spells it, with nothing of the models in it."""
    with pytest.raises(ValidationError) as caught:
        AT.validate_python(body)
    assert [name for name, _ in field_errors(caught.value)] == [field]


def test_a_time_is_on_the_agents_clock_and_a_cut_on_the_brokers() -> None:
    """One agent has one clock; many agents share only the broker's."""
    at, cut = AT.validate_python({"time": TIME}), CUT.validate_python({"time": TIME})
    assert isinstance(at, views.AtTime)
    assert isinstance(cut, views.CutTime)
    assert (at.clock, cut.clock) == ("occurred", "recorded")


def test_a_cut_is_a_time_or_a_place_in_the_stream() -> None:
    """An agent's event index means nothing to the others."""
    assert CUT.validate_python({"stream_seq": 7}) == views.AtStreamSeq(stream_seq=7)
    with pytest.raises(ValidationError, match="exactly one of time, stream_seq"):
        CUT.validate_python({"event_index": 1})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (views.Change(path="a", op="added", new=None), '{"path":"a","op":"added","new":null}'),
        (views.Change(path="a", op="removed", old=1), '{"path":"a","op":"removed","old":1}'),
        (
            views.Change(path="", op="modified", old=None, new={}),
            '{"path":"","op":"modified","old":null,"new":{}}',
        ),
    ],
)
def test_a_change_leaves_out_the_side_that_is_absent(change: views.Change, text: str) -> None:
    """A null that stood there is sent, and told from nothing when read back."""
    assert change.model_dump_json() == text
    found = views.Change.model_validate_json(text)
    assert found == change
    assert (found.has_old, found.has_new) == (change.has_old, change.has_new)


@pytest.mark.parametrize(
    "body",
    [
        {"path": "a", "op": "added", "old": 1, "new": 2},
        {"path": "a", "op": "added"},
        {"path": "a", "op": "removed", "new": 1},
        {"path": "a", "op": "modified", "new": 1},
        {"path": "a", "op": "moved", "new": 1},
    ],
)
def test_a_change_has_the_sides_of_its_op(body: dict[str, Any]) -> None:
    """So that no navigator can forget one."""
    with pytest.raises(ValidationError):
        views.Change.model_validate(body)


def test_a_position_before_the_first_record_names_none() -> None:
    """Every field is sent, those that name a record as null."""
    sent = views.Position(agent="a", event_index=-1).model_dump()
    assert sent["state_event_index"] == -1
    assert {key for key, value in sent.items() if value is None} == {
        "event_id",
        "stream_seq",
        "ordinal",
        "occurred_at",
        "recorded_at",
        "snapshot_id",
    }
