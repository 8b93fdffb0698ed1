"""Spaces that are subscribed to by name."""

from stratoscope.navigator.space_directory import SpaceDirectory


async def _loaded() -> list[str]:
    return ["recorded", "noted"]


async def _lost() -> list[str]:
    raise OSError


async def test_spaces_that_asked_come_before_those_that_are_loaded() -> None:
    directory = SpaceDirectory(_loaded)
    directory.note("noted")
    await directory.refresh()
    assert directory.spaces == ("noted", "recorded")


async def test_wildcards_are_no_spaces() -> None:
    directory = SpaceDirectory()
    for name in ("*", ">", "", "a b", "a\n"):
        directory.note(name)
    await directory.refresh()
    assert directory.spaces == ()


async def test_without_a_database_the_known_spaces_stay() -> None:
    directory = SpaceDirectory(_lost)
    directory.note("noted")
    await directory.refresh()
    assert directory.spaces == ("noted",)
