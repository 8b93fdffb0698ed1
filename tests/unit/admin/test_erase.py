"""What an erasure takes of the object store, and what it says is left."""

from dataclasses import replace

import pytest

from stratoscope.admin.erase import Mine, Survey, left_over
from stratoscope.store.erasing import Held

ID = "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"
NOTHING = Survey("default", "a", 0, Held(), [], [], 0, 0)


@pytest.mark.parametrize("suffix", ["json", "cbor.zst", "tar.zst"])
def test_an_export_of_an_agent_is_known_by_its_name(suffix: str) -> None:
    assert Mine("a", [])(f"a-{ID}.{suffix}")


@pytest.mark.parametrize("name", [f"b-{ID}.json", f"a-b-{ID}.json", f"{ID}-a.json", "a.json"])
def test_what_another_agent_or_a_person_has_put_there_is_not(name: str) -> None:
    assert not Mine("a", [])(name)


def test_what_it_was_imported_from_is_its_own_whatever_it_is_called() -> None:
    assert Mine("a", ["friday.json"])("friday.json")


def test_nothing_is_there_where_nothing_was_found() -> None:
    assert not NOTHING.is_anything
    assert replace(NOTHING, messages=1).is_anything
    assert replace(NOTHING, held=Held(bases=1)).is_anything


def test_what_is_left_is_said_where_there_is_any() -> None:
    always = left_over(NOTHING)
    more = left_over(replace(NOTHING, imports=["a-import-1"], named_by_others=2, uploads=3))
    assert [line.split()[0] for line in more[len(always) :]] == ["imported", "2", "3"]
    assert "a-import-1" in more[len(always)]
