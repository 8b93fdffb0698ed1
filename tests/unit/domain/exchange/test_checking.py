"""Is an export whole, and can an import take all of it?"""

from typing import Any

import pytest

from stratoscope.domain.exchange import checking
from stratoscope.domain.exchange.checking import Check, place_of
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.domain.exchange.folding import States
from stratoscope.domain.sessions import MAX_VALUES
from stratoscope.domain.timeline import Place
from stratoscope_contracts.exchange import ExportPlace
from stratoscope_contracts.words import MAX_METADATA_BYTES
from support.exports import (
    Members,
    an_id,
    at,
    document,
    event,
    head,
    session,
    snapshot,
    surveyed,
)

PATCH = [{"op": "add", "path": "/n", "value": 1}]


def damage(members: Members) -> str:
    """What is found wrong."""
    with pytest.raises(Damaged) as found:
        surveyed(members)
    return str(found.value)


def test_a_whole_export_is_counted_and_kept_but_for_its_records():
    place = {"event_index": 1, "stream_seq": 3, "ordinal": 0, "clock": at(3)}
    survey = surveyed(
        document(
            [snapshot(-1, 1, {"n": 0}), event(0, 2, patch=PATCH), event(1, 3)],
            ("history", place),
            ("data", {"key": "k", "value": None}),
            ("marks", {"name": "m", "created_at": at(1), "position": place}),
        )
    )
    assert (survey.events, survey.snapshots, survey.bases, survey.records) == (2, 1, 0, 3)
    assert survey.head.agent == "walker"
    assert survey.session.id == an_id(-1)
    assert an_id(2) in survey.ids
    assert survey.places() == [Place(3, 0), Place(3, 0)]


def test_a_place_before_the_first_record_is_no_record():
    assert place_of(ExportPlace(event_index=-1)) is None
    assert place_of(ExportPlace(event_index=0, stream_seq=3)) is None


def test_the_members_come_in_their_order_and_once():
    whole = document([event(0, 1)])
    assert "a second head" in damage([whole[0], *whole])
    assert "a second session" in damage([whole[0], whole[1], *whole[1:]])
    assert "a second end" in damage([*whole, whole[-1]])
    assert "a second session, or one behind records" in damage([*whole[:3], whole[1], whole[3]])
    assert "it does not begin with its head" in damage(whole[1:])


def test_what_lacks_its_session_or_its_end_was_cut():
    whole = document([event(0, 1)])
    assert "it has no end" in damage(whole[:-1])
    assert "it has no session" in damage([whole[0], *whole[2:]])
    assert "it has no session" in damage([])


def test_the_end_says_how_many_there_were():
    whole = document([event(0, 1), event(1, 2)])
    assert "2 events and 0 snapshots were written, 1 and 0 are there" in damage(
        [*whole[:3], whole[-1]]
    )


@pytest.mark.parametrize("version", [0, 2, 2**64 - 1])
def test_another_version_is_not_guessed_at(version: int):
    assert "only version 1 is known" in damage([("head", head(stratoscope_export=version))])


@pytest.mark.parametrize("value", [[], {"agent": "a"}, {"stratoscope_export": "1"}])
def test_what_has_no_head_is_no_export(value: Any):
    assert damage([("head", value)]).startswith("head: ")


def test_records_stand_in_the_order_of_the_log():
    assert damage(document([event(0, 2), event(1, 2)])).startswith("records[1]: it does not stand")
    assert "it does not stand" in damage(document([event(0, 2), event(1, 1)]))


def test_events_have_no_gap():
    assert "event 2 where 1 has to follow" in damage(document([event(0, 1), event(2, 2)]))
    assert "event 0 where 5" in damage(document([event(0, 1)], first_event_index=5))
    assert surveyed(document([event(5, 1)], first_event_index=5)).events == 1


def test_no_id_comes_twice():
    twice = document([event(0, 1), snapshot(0, 2, {}, id=str(an_id(1)))])
    assert damage(twice) == "records[1]: an id that an earlier record has"


def test_only_a_base_has_no_id_and_it_stands_first():
    base = snapshot(-1, 1, {"n": 1}, base=True) | {"id": None}
    survey = surveyed(document([base, event(0, 2, patch=[PATCH[0] | {"op": "replace"}])]))
    assert (survey.bases, survey.snapshots, survey.records) == (1, 0, 2)
    assert "a base has no id" in damage(document([base | {"id": str(an_id(1))}]))
    assert "a base has no id" in damage(document([event(0, 1), base | {"stream_seq": 2}]))
    assert "it has no id" in damage(document([base | {"base": False}]))
    assert "records[0]: event.id" in damage(document([event(0, 1) | {"id": None}]))


def test_a_patch_that_does_not_apply_is_found_before_anything_is_recorded():
    gone = [{"op": "remove", "path": "/gone"}]
    assert "its patch does not apply" in damage(document([event(0, 1, patch=gone)]))
    surveyed(document([snapshot(-1, 1, {"gone": 1}), event(0, 2, patch=gone)]))


def test_a_state_over_the_limit_is_found_whatever_made_it_grow():
    check = Check(state_bytes=100)
    check.take("head", head(), 100)
    check.take("session", session(), 100)
    check.take("records", snapshot(-1, 1, {"a": "x" * 50}), 100)
    value = {"op": "add", "path": "/b", "value": "x" * 20}
    check.take("records", event(0, 2, patch=[value]), 100)
    copies = [{"op": "copy", "from": "/b", "path": "/b"}]
    check.take("records", event(1, 3, patch=copies), 100)
    with pytest.raises(Damaged, match="more than 100"):
        check.take("records", event(2, 4, patch=[{"op": "copy", "from": "/a", "path": "/c"}]), 100)
    with pytest.raises(Damaged, match=r"records\[3\]: the state has 108 bytes"):
        check.take("records", snapshot(-1, 5, {"a": "x" * 100}), 100)


def test_a_state_with_too_many_values_is_found_whatever_made_it_grow():
    states = States(values=8)
    states.replace({"t": ",,,,,,,,", "l": [{}, {}]})
    states.patch([{"op": "add", "path": "/l/-", "value": 1}])
    with pytest.raises(Damaged, match="the state has more than 8 JSON values"):
        states.patch([{"op": "copy", "from": "/l", "path": "/m"}])
    with pytest.raises(Damaged, match="the state has more than 8 JSON values"):
        states.replace({"l": [0] * 8})


def test_metadata_and_traces_are_held_to_their_limits():
    large = {"m": "x" * MAX_METADATA_BYTES}
    assert "metadata of" in damage(document([event(0, 1, metadata=large)]))
    assert "metadata of" in damage(document([snapshot(0, 1, {}, metadata=large)]))
    assert "a traceparent of" in damage(document([event(0, 1, traceparent="0" * 257)]))


def test_a_record_is_held_to_the_contracts_model_without_repeating_it():
    said = damage(document([event(0, 1, type="Secret", causes=["secret"])]))
    assert said.startswith("records[0]: ")
    assert "type" in said
    assert "ecret" not in said


def test_what_is_kept_in_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(checking, "MAX_KEPT", 3)
    value = {"key": "k", "value": 1}
    data = [("data", value), ("data", value)]
    surveyed(document([], *data))
    assert "more than 3 of them" in damage(document([], *data, ("data", value)))
    monkeypatch.setattr(checking, "MAX_KEPT", 100)
    monkeypatch.setattr(checking, "MAX_KEPT_BYTES", 1000)
    assert "or 1000 bytes" in damage(document([], ("data", value | {"value": "x" * 1000})))


def test_the_history_fits_the_session():
    place = {"event_index": -1}
    config = {"max_navigation_history": 1}
    whole = document([], ("history", place), ("history", place))
    surveyed(whole)
    assert "more places than the session remembers" in damage(
        [whole[0], ("session", session(config=config)), *whole[2:]]
    )
    assert "current is 2, of 2 places" in damage(
        [whole[0], ("session", session(current=2)), *whole[2:]]
    )


def test_breakpoints_are_read_by_the_contracts_model():
    watched = {
        "id": str(an_id(3)),
        "agent": "walker",
        "condition": {"kind": "at_event_index", "index": 3},
        "is_enabled": True,
        "hit_count": 3,
        "created_at": at(0),
    }
    survey = surveyed(document([], ("breakpoints", watched)))
    assert [one.hit_count for one in survey.breakpoints] == [3]
    wrong = watched | {"condition": {"kind": "on_moon"}}
    assert damage(document([], ("breakpoints", wrong))).startswith("breakpoints[0]: condition")


def test_damage_says_where_it_is_in_the_whole():
    inner = Damaged("broken", "line 3")
    assert str(inner.within("file")) == "file: line 3: broken"
    assert inner.within("file").where == "file: line 3"
    assert str(Damaged("broken").within("file")) == "file: broken"


def test_what_a_session_keeps_is_held_to_its_limits_before_it_is_kept(monkeypatch):
    monkeypatch.setattr(checking, "MAX_VALUE_BYTES", 100)
    monkeypatch.setattr(checking, "MAX_REQUEST_BYTES", 200)
    value = ("data", {"key": "k", "value": 1})
    surveyed(document([], *[value] * MAX_VALUES))
    assert damage(document([], *[value] * (MAX_VALUES + 1))) == "data[1000]: more than 1000 of them"
    long = "x" * 110
    assert "data[0]: more than 100 bytes" in damage(
        document([], ("data", value[1] | {"value": long}))
    )
    longer = ("history", {"event_index": -1, "more": "x" * 200})
    assert "bytes, at most 200" in damage(document([], longer))


def test_what_a_session_keeps_stays_text():
    survey = surveyed(document([], ("data", {"key": "k", "value": [{}, {}]})))
    assert survey.data.texts == [b'{"key":"k","value":[{},{}]}']
    assert [one.value for one in survey.data] == [[{}, {}]]
