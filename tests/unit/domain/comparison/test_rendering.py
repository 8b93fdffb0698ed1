"""Comparisons as texts and as a page."""

import subprocess
from html.parser import HTMLParser
from pathlib import Path
from shutil import which
from typing import Any
from unicodedata import normalize

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stratoscope.domain import patch
from stratoscope.domain.canonical import canonical
from stratoscope.domain.comparison.comparing import compare, subject
from stratoscope.domain.comparison.options import PLAIN, Options, options_of
from stratoscope.domain.comparison.rendering.lines import pretty
from stratoscope.domain.comparison.rendering.page import page
from stratoscope.domain.comparison.rendering.side_by_side import cells, side_by_side
from stratoscope.domain.comparison.rendering.unified import Title, unified
from stratoscope.domain.comparison.summing import summary
from stratoscope.domain.comparison.telling import changes, json_patch, spelled, summarized
from stratoscope.domain.comparison.texts import readable
from support.documents import Json, documents, pairs

TITLES = (Title("walker@1", "2026-11-23T08:00:01Z"), Title("walker@2"))
STATE = {"goal": "explore", "inventory": list(range(12)), "position": {"x": 1, "y": 2}, "z": None}


def texts(old: Json, new: Json, options: Options = PLAIN) -> tuple[list[str], list[str]]:
    ours, theirs = readable(subject(old, options).document, subject(new, options).document, options)
    return pretty(ours), pretty(theirs)


def diffed(old: Json, new: Json, **options: Any) -> str:
    return unified(*texts(old, new, options_of(options)), TITLES)


def paged(old: Json, new: Json, options: Options = PLAIN, titles: Any = TITLES) -> str:
    found = compare(subject(old, options), subject(new, options), options)
    return page(found.differences, summary(found, options), titles, options)


def test_unified_looks_as_diff_u_does() -> None:
    new = STATE | {"goal": "flee", "inventory": [*range(10), 11, "key"], "z": True}
    assert diffed(STATE, new) == (
        "--- walker@1\t2026-11-23T08:00:01Z\n"
        "+++ walker@2\n"
        "@@ -1,5 +1,5 @@\n"
        " {\n"
        '-  "goal": "explore",\n'
        '+  "goal": "flee",\n'
        '   "inventory": [\n'
        "     0,\n"
        "     1,\n"
        "@@ -11,12 +11,12 @@\n"
        "     7,\n"
        "     8,\n"
        "     9,\n"
        "-    10,\n"
        "-    11\n"
        "+    11,\n"
        '+    "key"\n'
        "   ],\n"
        '   "position": {\n'
        '     "x": 1,\n'
        '     "y": 2\n'
        "   },\n"
        '-  "z": null\n'
        '+  "z": true\n'
        " }\n"
    )


def test_what_is_equal_has_no_hunk() -> None:
    assert diffed(STATE, STATE) == diffed({"a": 1}, {"a": 1.0}) == ""
    assert side_by_side(*texts(STATE, STATE), TITLES, 80) == ""


def test_what_options_leave_out_is_in_no_text() -> None:
    assert diffed(STATE, STATE | {"goal": "flee"}, exclude_paths=["goal"]) == ""
    assert diffed({"a": [1, {"id": 1}]}, {"a": [1, {"id": 2}]}, exclude_paths=["a[1]"]) == ""
    assert diffed({"a": 1.0, "b": 3}, {"a": 1.2, "b": 3.4}, ignore_threshold=0.5) == ""
    assert diffed({"a": 1.01}, {"a": 1.02}, significant_digits=1) == ""
    assert diffed({"a": [1, {"b": [2, 3]}]}, {"a": [{"b": [3, 2]}, 1]}, ignore_order=True) == ""
    assert '+  "b": 2' in diffed({"a": [1, 2]}, {"a": [2, 1], "b": 2}, ignore_order=True)


@pytest.mark.skipif(which("patch") is None, reason="no patch(1) here")
@settings(max_examples=15, deadline=None)
@given(pairs)
def test_patch_takes_a_unified_diff(tmp_path_factory: Any, pair: tuple[Json, Json]) -> None:
    folder: Path = tmp_path_factory.mktemp("patch")
    old, new = texts(*pair)
    text = unified(old, new, TITLES)
    (folder / "state").write_text("\n".join(old) + "\n")
    if text:
        command = ["patch", "-s", "--no-backup-if-mismatch", str(folder / "state")]
        subprocess.run(command, input=text.encode(), check=True)
    assert (folder / "state").read_text() == "\n".join(new) + "\n"


@given(pairs)
def test_a_unified_diff_holds_both_documents_where_it_differs(pair: tuple[Json, Json]) -> None:
    old, new = texts(*pair)
    assert applied(old, unified(old, new, TITLES)) == new


def test_side_by_side_fits_the_width() -> None:
    new = STATE | {"goal": "flee" * 20, "position": {"x": 1}, "extra": "界" * 60}
    old, theirs = texts(STATE, new)
    for width in (40, 41, 80, 200):
        lines = side_by_side(old, theirs, TITLES, width).splitlines()
        assert all(cells(line) <= width for line in lines)
        assert any("…" in line for line in lines) or width == 200
    shown = side_by_side(old, theirs, TITLES, 200).splitlines()
    assert shown[0].split() == ["walker@1", "2026-11-23T08:00:01Z", "walker@2"]
    assert shown[1].startswith("@@ -")
    signs = {line[99] for line in shown if len(line) > 99 and not line.startswith("@@")}
    assert {" ", "|"} <= signs


def test_side_by_side_marks_what_came_and_what_went() -> None:
    old, new = texts({"a": 1, "b": 2, "z": 1}, {"b": 2, "c": 3, "z": 1})
    lines = side_by_side(old, new, TITLES, 60).splitlines()
    assert [line[29:30].strip() for line in lines[2:]] == ["", "<", "", ">", "", ""]


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("界a", 3), ("e\u0301", 1), ("", 0)])
def test_columns_are_counted_as_a_terminal_does(text: str, width: int) -> None:
    assert cells(text) == width


@given(documents)
def test_lines_are_printable_json(document: Json) -> None:
    lines = pretty({"text": "\x1b[31m\x9b\u202e\U000e0041 é界", "d": document})
    assert all(line.isprintable() for line in lines)
    assert canonical(orjson.loads("\n".join(lines))) == canonical(
        {"text": "\x1b[31m\x9b\u202e\U000e0041 é界", "d": document}
    )


@given(pairs)
def test_a_json_patch_gives_the_very_bytes_of_the_second(pair: tuple[Json, Json]) -> None:
    old, new = pair
    assert canonical(patch.apply(old, json_patch(old, new))) == canonical(new)


def test_changes_and_summary_are_spelled_as_the_contract_has_them() -> None:
    found = compare(subject({"a": 1, "b": None}), subject({"a": 2, "c": [1.0]}))
    assert spelled(changes(found.differences)) == (
        b'[{"new":2,"old":1,"op":"modified","path":"a"},'
        b'{"old":null,"op":"removed","path":"b"},'
        b'{"new":[1.0],"op":"added","path":"c"}]'
    )
    assert summarized(summary(found))["total_changes"] == 3


class _Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")


TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "div", "ul", "li", "p"}
TAGS |= {"details", "summary", "span", "pre"}
ATTRIBUTES = {"lang", "charset", "name", "content", "http-equiv", "class", "open"}


def test_a_page_tells_each_change_under_its_first_key() -> None:
    new = STATE | {"goal": "flee", "position": {"x": 2, "y": 3}, "note": "a\nb"}
    text = paged(STATE, new)
    seen = _Page(text)
    assert seen.tags.count("details") == 3
    for told in ("walker@1", "walker@2", "position.x", '"explore"', '"flee"', "4 changes"):
        assert any(told in part for part in seen.text)
    assert "prefers-color-scheme: dark" in text
    assert "://" not in text
    assert "<script" not in text
    assert "url(" not in text


def test_a_page_of_nothing_says_so() -> None:
    assert "Nothing differs." in paged(STATE, STATE)


def test_long_values_are_folded_and_long_texts_compared_line_by_line() -> None:
    old: Json = {"text": "\n".join(map(str, range(30))), "list": []}
    new: Json = {"text": "\n".join(map(str, [*range(10), "x", *range(12, 30)])), "list": {}}
    new["gone"] = list(range(40))
    seen = _Page(paged(old, new))
    assert "42 lines" in seen.text
    assert "10\n11" in seen.text
    assert "x" in seen.text
    added = _Page(paged({"a": "x"}, {"a": "x\ny"}))
    assert "y" in added.text
    assert "{}" in seen.text


def test_very_many_groups_are_closed_at_first() -> None:
    many = {f"k{n}": 1 for n in range(40)}
    assert ("open", "") not in _Page(paged({}, many)).attributes
    assert ("open", "") in _Page(paged({}, {"k": 1})).attributes


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</style><script>",
        "</pre></details>",
        '" onmouseover="alert(1)',
        "' onfocus='alert(1)",
        "<!-- ",
        "-->",
        "]]>",
        "<img src=x onerror=alert(1)>",
        "&lt;b&gt;",
        "javascript:alert(1)",
        "\x00\x1b[31m\u2028\u202e",
        "${1}{{1}}",
        "\n<b>\n</b>",
    ]
)
hostile = st.recursive(
    HOSTILE | st.text(max_size=5) | st.integers(-(2**63), 2**64 - 1),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(HOSTILE | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(hostile, hostile, HOSTILE)
@example({"<b>": "<b>"}, {"<b>": "<i>\n"}, "</title><script>")
def test_no_path_and_no_value_can_be_markup(old: Json, new: Json, name: str) -> None:
    asked = options_of({"categories": {"any": ["**"]}})
    text = paged(old, new, asked, (Title(name, name), Title(name)))
    seen = _Page(text)
    assert set(seen.tags) <= TAGS
    assert {key for key, _ in seen.attributes} <= ATTRIBUTES
    quiet = _Page(paged({"a": 1}, {"a": 2}, asked))
    assert set(dict(seen.attributes)) <= set(dict(quiet.attributes)) | {"open"}
    assert all(part.replace("\n", "").isprintable() for part in seen.text)
    # All that was opened is closed.
    for tag in ("pre", "details", "div", "span", "body", "html"):
        assert text.count(f"<{tag}>") + text.count(f"<{tag} ") == text.count(f"</{tag}>")


@given(documents)
def test_what_is_shown_is_what_was_recorded(document: Json) -> None:
    shown = _Page(paged({}, {"k": document})).text
    assert any(normalize("NFC", "\n".join(pretty(document))) == normalize("NFC", t) for t in shown)


def applied(old: list[str], text: str) -> list[str]:
    """What patch(1) makes of it."""
    found: list[str] = []
    at = 0
    for line in text.splitlines()[2:]:
        if line.startswith("@@"):
            told = line.split()[1].lstrip("-").split(",")
            start = int(told[0]) - (len(told) == 1 or told[1] != "0")
            found += old[at:start]
            at = start
        elif line.startswith("+"):
            found.append(line[1:])
        else:
            assert old[at] == line[1:]
            found += [] if line.startswith("-") else [old[at]]
            at += 1
    return found + old[at:]
