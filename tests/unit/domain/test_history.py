"""What a version made of a field, and many versions rebuilt at once."""

import pytest

from stratoscope.domain import delta
from stratoscope.domain.canonical import canonical, digest
from stratoscope.domain.history import FieldChange, field_changes


def raws(*states: object) -> dict[int, bytes]:
    return {version: canonical(state) for version, state in enumerate(states)}


def test_a_change_has_the_sides_that_are_there() -> None:
    states = raws({"a": 1}, {"a": 2}, {"b": 0}, {"a": None})
    assert field_changes(states, ("a",), range(4)) == [
        FieldChange(0, "added", None, b"1"),
        FieldChange(1, "modified", b"1", b"2"),
        FieldChange(2, "removed", b"2", None),
        FieldChange(3, "added", None, b"null"),
    ]


def test_what_did_not_touch_the_field_is_no_change() -> None:
    states = raws({"b": 0}, {"b": 0}, {"b": 1, "a": 1}, {"b": 2, "a": 1.0}, {"a": True})
    assert [change.version for change in field_changes(states, ("a",), range(5))] == [2, 4]


def frames(*states: object) -> dict[int, delta.Frame]:
    group, found = delta.Group(), {}
    for version, state in enumerate(states):
        raw = canonical(state)
        group, slot, blob = delta.append(group, raw)
        found[version] = delta.Frame(slot, len(raw), digest(raw), blob)
    return found


def test_many_versions_are_rebuilt_at_once() -> None:
    states = [{"n": n, "text": "x" * 100} for n in range(20)]
    assert delta.unfold_all(frames(*states)) == raws(*states)


def test_a_version_without_its_ancestor_is_damaged() -> None:
    found = frames({"n": 0}, {"n": 1})
    del found[0]
    with pytest.raises(delta.DamagedChain, match="ancestor"):
        delta.unfold_all(found)
