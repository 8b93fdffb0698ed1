"""Path patterns: which places of a document are meant."""

import pytest
from hypothesis import given

from stratoscope.domain.comparison.places import Places, Wild, parse_pattern
from stratoscope.domain.paths import PathSyntaxError, Segments, format
from support.documents import documents


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", ()),
        ("a.b[3]", ("a", "b", 3)),
        ("a.*", ("a", Wild.ONE)),
        ("*", (Wild.ONE,)),
        ("[*].id", (Wild.ONE, "id")),
        ("items[*].id", ("items", Wild.ONE, "id")),
        ("**.id", (Wild.ANY, "id")),
        ("a[**]", ("a", Wild.ANY)),
        ('*["*"]', (Wild.ONE, "*")),
        ('a.*["x.y"][0]', ("a", Wild.ONE, "x.y", 0)),
        ("a*.*b", ("a*", "*b")),
        ("/a/*/0", ("a", "*", "0")),
    ],
)
def test_a_star_stands_for_a_segment_and_two_for_any_number(
    text: str, pattern: tuple[object, ...]
) -> None:
    assert parse_pattern(text) == pattern


@pytest.mark.parametrize("text", [".*", "a..*", "*]", "a[*", '*["x]', "*[01]", "a[*]b", "[-1].*"])
def test_what_is_no_pattern_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(PathSyntaxError):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("", ("a",), True),
        ("a", ("a",), True),
        ("a", ("a", "b", 0), True),
        ("a.b", ("a",), False),
        ("a.*", ("a",), False),
        ("a.*", ("a", 0), True),
        ("a.*.c", ("a", "b", "d"), False),
        ("items[*].id", ("items", 7, "id"), True),
        ("items[*].id", ("items", 7, "ids"), False),
        ("**.id", ("id",), True),
        ("**.id", ("a", 1, "id", "x"), True),
        ("**.id", ("a", "ids"), False),
        ("a.**.z", ("a", "z"), True),
        ("a.**.z", ("b", "z"), False),
        ("**", (), True),
        ("a[0]", ("a", "0"), False),
        ("/a/0", ("a", 0), True),
        ("/a/0", ("a", "0"), True),
    ],
)
def test_a_pattern_covers_what_it_matches_and_all_below(
    pattern: str, path: Segments, covered: bool
) -> None:
    assert Places([pattern]).cover(path) is covered


def test_several_patterns_cover_what_any_of_them_does() -> None:
    places = Places(["a.b", "**.id"])
    assert places.cover(("a", "b"))
    assert places.cover(("x", "id"))
    assert not places.cover(("a", "c"))


def test_below_what_is_covered_there_is_nothing_to_match() -> None:
    places = Places(["a"])
    covered = places.step(places.start, "a")
    assert places.covers(covered)
    assert not places.step(covered, "b")


@given(documents)
def test_every_path_is_a_pattern_that_covers_itself(document: object) -> None:
    for path in paths(document):
        if "*" not in path:
            assert Places([format(path)]).cover(path)


def paths(value: object, path: Segments = ()) -> list[Segments]:
    found = [path]
    if isinstance(value, dict):
        found += [p for key, inner in value.items() for p in paths(inner, (*path, key))]
    if isinstance(value, list):
        found += [p for at, inner in enumerate(value) for p in paths(inner, (*path, at))]
    return found
