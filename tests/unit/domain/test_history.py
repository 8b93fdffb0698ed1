"""What a version made of a field, and many versions rebuilt at once."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain import delta
from stratoscope.domain.canonical import canonical, digest
from stratoscope.domain.fields import changed_paths
from stratoscope.domain.history import FieldChange, field_changes


def raws(*states: object) -> dict[int, bytes]:
    return {version: canonical(state) for version, state in enumerate(states)}


def test_a_change_has_the_sides_that_are_there() -> None:
    states = raws({"a": 1}, {"a": 2}, {"b": 0}, {"a": None})
    assert field_changes(states, ("a",), range(4)) == [
        FieldChange(0, "added", None, b"1", ("a",)),
        FieldChange(1, "modified", b"1", b"2", ("a",)),
        FieldChange(2, "removed", b"2", None, ("a",)),
        FieldChange(3, "added", None, b"null", ("a",)),
    ]


def test_a_pointer_is_told_as_the_document_has_it() -> None:
    states = raws({"l": [{"0": 1}]}, {"l": [{"0": 2}]}, {"l": []})
    found = field_changes(states, ("l", "0", "0"), range(3))
    assert [change.field for change in found] == [("l", 0, "0")] * 3


def test_what_did_not_touch_the_field_is_no_change() -> None:
    states = raws({"b": 0}, {"b": 0}, {"b": 1, "a": 1}, {"b": 2, "a": 1.0}, {"a": True})
    assert [change.version for change in field_changes(states, ("a",), range(5))] == [2, 4]


def test_between_candidates_a_field_is_what_it_was_at_the_one_before() -> None:
    states = raws({"a": 1}, {"a": 1, "b": 0}, {"a": 1.0}, {"a": 1.0, "b": 0}, {"a": 2})
    found = {version: states[version] for version in (0, 2, 4)}
    assert field_changes(found, ("a",), (4, 2, 0)) == [
        FieldChange(0, "added", None, b"1", ("a",)),
        FieldChange(4, "modified", b"1.0", b"2", ("a",)),
    ]


def test_what_the_first_changed_is_unknown_where_the_version_before_it_is_gone() -> None:
    states = raws({}, {"a": 0}, {"a": 1}, {"a": 2})
    del states[0], states[1]
    changed = FieldChange(3, "modified", b"1", b"2", ("a",))
    assert field_changes(states, ("a",), (2, 3)) == [changed]


def test_the_root_changes_with_everything() -> None:
    states = raws({"a": 1}, {"a": 1.0}, {"a": 2})
    assert field_changes(states, (), (1, 2)) == [
        FieldChange(2, "modified", b'{"a":1.0}', b'{"a":2}')
    ]


@given(st.lists(st.sampled_from([{}, *({"a": n} for n in (0, 0.0, -0.0, 1, 1.0, True, "1"))])))
def test_candidates_tell_what_a_walk_over_all_versions_tells(states: list[dict[str, Any]]) -> None:
    found = raws(*states)
    indexed = [
        version
        for version, (old, new) in enumerate(pairwise([{}, *states]))
        if changed_paths(old, new)
    ]
    everything = field_changes(found, ("a",), range(len(states)))
    rebuilt = {
        each: found[each] for each in (*indexed, *(each - 1 for each in indexed[:1])) if each >= 0
    }
    assert field_changes(rebuilt, ("a",), indexed) == everything


def frames(*states: object) -> dict[int, delta.Frame]:
    group, found = delta.Group(), {}
    for version, state in enumerate(states):
        raw = canonical(state)
        group, slot, blob = delta.append(group, raw)
        found[version] = delta.Frame(slot, len(raw), digest(raw), blob)
    return found


def test_many_versions_are_rebuilt_at_once() -> None:
    states = [{"n": n, "text": "x" * 100} for n in range(20)]
    found = frames(*states)
    assert delta.unfold_all(found, found) == raws(*states)
    wanted = delta.Slotted(13, 13)
    needed = {version: found[version] for version in wanted.chain}
    assert delta.unfold_all(needed, {13}) == {13: canonical(states[13])}


def test_only_those_that_were_asked_for_are_held_to_their_hashes() -> None:
    found = frames(*({"n": n} for n in range(4)))
    found[2] = found[2]._replace(digest=b"another")
    assert delta.unfold_all(found, {3}) == {3: b'{"n":3}'}
    with pytest.raises(delta.DamagedChain, match="hash"):
        delta.unfold_all(found, {2})


def test_a_version_without_its_ancestor_is_damaged() -> None:
    found = frames({"n": 0}, {"n": 1})
    del found[0]
    with pytest.raises(delta.DamagedChain, match="ancestor"):
        delta.unfold_all(found, found)
