"""One grammar for where a value stands."""

from time import perf_counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stratoscope.domain import paths
from stratoscope.domain.paths import (
    MISSING,
    PathSyntaxError,
    Segments,
    format,
    format_prefixes,
)

recordable = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
awkward = st.text("ab.[]\"'\\/~-_ 0\u0661é\n\x7f$\u2028", max_size=4)
indexes = st.integers(0, 10**18 - 1)
segments = st.lists(recordable | awkward | indexes).map(tuple)


@given(segments)
@example(("",))
@example(("0", 0))
@example(("/",))
@example(("", "", 0, ""))
@example(("\u0660",))
def test_the_dotted_form_reads_back_as_the_same_path(path: Segments) -> None:
    assert paths.parse(paths.format(path)) == path


@given(segments)
def test_a_pointer_reads_back_as_the_same_tokens(path: Segments) -> None:
    tokens = tuple(str(segment) for segment in path)

    assert paths.parse(paths.to_pointer(path)) == tokens
    assert paths.parse_pointer(paths.to_pointer(path)) == tokens


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("position.x", ("position", "x")),
        ("inventory[1]", ("inventory", 1)),
        ("inventory[1].name[0][2]", ("inventory", 1, "name", 0, 2)),
        ('a["x.y"]', ("a", "x.y")),
        ('a["x.y"].z', ("a", "x.y", "z")),
        ('[""]', ("",)),
        ('["/odd"]', ("/odd",)),
        (r'["say \"hi\"\n\u00e9"]', ('say "hi"\né',)),
        ("[0].name", (0, "name")),
        ("scores.0", ("scores", "0")),
        ("0", ("0",)),
        ("branch:to:agent", ("branch:to:agent",)),
        ("a key with blanks.b/c", ("a key with blanks", "b/c")),
        ("größe", ("größe",)),
        ("/", ("",)),
        ("//", ("", "")),
        ("/position/x", ("position", "x")),
        ("/inventory/1/-", ("inventory", "1", "-")),
        ("/a~1b/m~0n/~01", ("a/b", "m~n", "~1")),
        ("/a.b[0]", ("a.b[0]",)),
    ],
)
def test_both_spellings_are_read(text: str, path: Segments) -> None:
    assert paths.parse(text) == path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("position", "x"), "position.x"),
        (("inventory", 1, "name"), "inventory[1].name"),
        (("a", "x.y"), 'a["x.y"]'),
        ((0, "a"), "[0].a"),
        (("scores", "0"), 'scores["0"]'),
        (("", "b"), '[""].b'),
        (("a b", "größe", "branch:to:x"), '["a b"].größe.branch:to:x'),
        (('quo"te', "back\\slash"), r'["quo\"te"]["back\\slash"]'),
    ],
)
def test_the_dotted_form_quotes_what_a_reader_could_mistake(path: Segments, text: str) -> None:
    assert paths.format(path) == text


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        (".a", 0, "a name is missing"),
        ("a.", 1, "a name is missing"),
        ("a..b", 1, "a name is missing"),
        ("a.[0]", 1, "a name is missing"),
        ("]", 0, "a name is missing"),
        ("a]", 1, "expected '.' or '['"),
        ('a"b"', 1, "expected '.' or '['"),
        ("a[0]b", 4, "expected '.' or '['"),
        ("a[", 2, "expected an index or a quoted key"),
        ("a[]", 2, "expected an index or a quoted key"),
        ("a[-1]", 2, "expected an index or a quoted key"),
        ("a[b]", 2, "expected an index or a quoted key"),
        ("a['b']", 2, "expected an index or a quoted key"),
        ("a[\u0661]", 2, "expected an index or a quoted key"),
        ("a[01]", 3, "expected ']'"),
        ("a[0", 3, "expected ']'"),
        ('a["b"', 5, "expected ']'"),
        ("a[1000000000000000000]", 20, "expected ']'"),
        ('a["b', 2, "a key in quotes is no JSON string"),
        (r'a["\x"]', 3, "a key in quotes is no JSON string"),
        ("a\0b", 1, "a character that no key can hold"),
        ("/a\ud800", 2, "a character that no key can hold"),
        (r'a["\u0000"]', 2, "a character that no key can hold"),
        (r'a["\ud800"]', 2, "a character that no key can hold"),
        ("/a/~2", 3, "'~' stands only before 0 or 1"),
        ("/a~", 2, "'~' stands only before 0 or 1"),
    ],
)
def test_what_is_no_path_says_where_and_why(text: str, position: int, reason: str) -> None:
    with pytest.raises(PathSyntaxError) as refused:
        paths.parse(text)

    assert (refused.value.text, refused.value.position) == (text, position)
    assert refused.value.reason == reason
    assert str(refused.value).startswith(f"{reason} at character {position} of path ")


@given(st.text('a.[]"/~01\\', max_size=8))
def test_any_text_is_a_path_or_a_syntax_error_within_it(text: str) -> None:
    outcome = parsed_or_refused(text)

    if isinstance(outcome, PathSyntaxError):
        assert 0 <= outcome.position <= len(text)
    else:
        assert paths.parse(paths.format(outcome)) == outcome


def parsed_or_refused(text: str) -> Segments | PathSyntaxError:
    try:
        return paths.parse(text)
    except PathSyntaxError as refused:
        return refused


def test_a_pointer_that_is_not_one_is_refused_where_only_pointers_go() -> None:
    assert paths.parse_pointer("") == ()
    with pytest.raises(PathSyntaxError, match="a pointer starts with '/' at character 0"):
        paths.parse_pointer("a/b")


DOCUMENT: dict[str, Any] = {
    "position": {"x": 1.5, "none": None},
    "inventory": ["sword", {"name": "rope"}],
    "0": "a key of digits",
    "": {"": "nameless"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", DOCUMENT),
        ("position.x", 1.5),
        ("position.none", None),
        ("inventory[0]", "sword"),
        ("inventory[1].name", "rope"),
        ("/inventory/1/name", "rope"),
        ("inventory.1.name", "rope"),
        ("0", "a key of digits"),
        ('[""][""]', "nameless"),
        ("//", "nameless"),
        ("position.y", MISSING),
        ("position.x.deeper", MISSING),
        ("inventory[0].letter", MISSING),
        ("inventory[0][0]", MISSING),
        ("inventory[2]", MISSING),
        ("/inventory/-", MISSING),
        ("/inventory/01", MISSING),
        ("inventory.name", MISSING),
        ("[0]", MISSING),
        ("missing.and.more", MISSING),
    ],
)
def test_a_value_is_found_where_it_stands(text: str, value: object) -> None:
    assert paths.get(DOCUMENT, paths.parse(text)) == value


def test_a_negative_index_does_not_count_from_the_end() -> None:
    assert paths.get([1, 2], (-1,)) is MISSING


def test_what_is_missing_says_so() -> None:
    assert repr(MISSING) == "MISSING"


def test_prefixes_are_the_texts_of_all_parents() -> None:
    path = ("a", 0, "x.y", "b")
    assert list(format_prefixes(path, 1024)) == [format(path[:n]) for n in range(5)]


@pytest.mark.parametrize("key", ["k" * 11, "é" * 6])
def test_prefixes_end_before_the_first_that_is_too_long(key: str) -> None:
    assert list(format_prefixes(("a", key, "b"), 10)) == ["", "a"]


def test_work_on_a_deep_path_grows_with_its_length() -> None:
    path = ("k" * 100,) * 20_000
    started = perf_counter()
    assert len(format(path)) == 20_000 * 101 - 1
    assert len(list(format_prefixes(path, 1024))) == 11
    assert perf_counter() - started < 2
