"""The spaces that were seen last."""

from stratoscope.domain.recent_spaces import RecentSpaces


def test_the_space_that_was_noted_longest_ago_is_evicted() -> None:
    recent = RecentSpaces(2)
    for space in ("a", "b", "a", "c"):
        recent.note(space)
    assert recent.spaces == ("a", "c")


def test_spaces_fill_the_room_that_there_is() -> None:
    recent = RecentSpaces(2)
    recent.note("b")
    recent.fill(["a", "b", "c", "d"])
    assert recent.spaces == ("b", "a")
    other = RecentSpaces(2)
    other.fill(["a"])
    assert other.spaces == ("a",)
