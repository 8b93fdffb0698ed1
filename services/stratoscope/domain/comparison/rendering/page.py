"""A comparison as one page: nothing is loaded, nothing runs, and every recorded text is text.

Markup comes from `_tag` alone, and whatever goes into it that is not markup itself is escaped: so
there is one place where it could be forgotten.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Final

from stratoscope.domain.compare import Difference
from stratoscope.domain.comparison.options import Options
from stratoscope.domain.comparison.rendering.lines import Run, harmless, hunks, pretty
from stratoscope.domain.comparison.rendering.unified import Title
from stratoscope.domain.comparison.summing import Summary, category
from stratoscope.domain.paths import MISSING, format

_OPEN_LINES: Final = 12
_OPEN_GROUPS: Final = 30
_SIGNS: Final = {"added": "+", "removed": "-", "modified": "~"}
_STYLE: Final = """
:root { color-scheme: light dark; --back: #fff; --text: #1f2328; --dim: #656d76; --line: #d8dee4;
  --old: #ffebe9; --new: #dafbe1; --card: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --text: #e6edf3; --dim: #8d96a0;
  --line: #30363d; --old: #4c1a1d; --new: #12361f; --card: #161b22; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--back);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.25rem; margin: 0 0 .5rem; }
.dim { color: var(--dim); }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 1rem 0; padding: 0; }
.figures li { list-style: none; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
summary { padding: .4rem .75rem; cursor: pointer; background: var(--card); border-radius: 6px;
  overflow-wrap: anywhere; }
.change { padding: .4rem .75rem; border-top: 1px solid var(--line); }
.path { font-family: ui-monospace, monospace; overflow-wrap: anywhere; font-weight: 600; }
pre { margin: .25rem 0; padding: .4rem .6rem; border-radius: 4px; overflow-x: auto;
  font: 13px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.old { background: var(--old); } .new { background: var(--new); } .same { background: var(--card); }
"""


class _Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def page(
    differences: Sequence[Difference],
    summary: Summary,
    titles: tuple[Title, Title],
    options: Options,
) -> str:
    """The whole page."""
    name = f"{titles[0].name} → {titles[1].name}"
    groups = [(key, list(found)) for key, found in groupby(differences, key=_group)]
    head = _tag(
        "head",
        _void("meta", charset="utf-8"),
        _void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _void(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; style-src 'unsafe-inline'",
        ),
        _tag("title", name),
        _tag("style", _Markup(_STYLE)),
    )
    body = _tag(
        "body",
        _tag("h1", name),
        *(_tag("div", f"{each.name}  {each.time}", cls="dim") for each in titles),
        _figures(summary),
        *(_part(key, found, options, len(groups) <= _OPEN_GROUPS) for key, found in groups),
        *([] if groups else [_tag("p", "Nothing differs.", cls="dim")]),
    )
    return "<!doctype html>\n" + _tag("html", head, body, lang="en") + "\n"


def _figures(summary: Summary) -> _Markup:
    figures = [
        f"{summary.total_changes} changes",
        f"{summary.additions} added",
        f"{summary.modifications} modified",
        f"{summary.removals} removed",
        f"similarity {summary.similarity_score:.3f}",
        *(f"{name}: {count}" for name, count in summary.change_categories.items() if count),
    ]
    return _tag("ul", *(_tag("li", figure) for figure in figures), cls="figures")


def _group(difference: Difference) -> str:
    return format(difference.path[:1])


def _part(key: str, differences: Sequence[Difference], options: Options, is_open: bool) -> _Markup:
    count = f"{len(differences)} change{'s' * (len(differences) != 1)}"
    return _tag(
        "details",
        _tag("summary", _tag("span", key or "(the root)", cls="path"), " ", _dim(count)),
        *(_change(one, category(one, options)) for one in differences),
        **({"open": ""} if is_open else {}),
    )


def _change(difference: Difference, told: str) -> _Markup:
    title = _tag(
        "div",
        f"{_SIGNS[difference.op]} ",
        _tag("span", format(difference.path) or "(the root)", cls="path"),
        " ",
        _dim(told),
    )
    return _tag("div", title, *_sides(difference.old, difference.new), cls="change")


def _sides(old: object, new: object) -> Iterator[_Markup]:
    if isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new):
        yield from _texts(old.split("\n"), new.split("\n"))
        return
    for value, cls in ((old, "old"), (new, "new")):
        if value is not MISSING:
            yield _block(pretty(value), cls)


def _texts(old: Sequence[str], new: Sequence[str]) -> Iterator[_Markup]:
    for runs in hunks(old, new):
        for run in runs:
            yield from _lines(run, old, new)


def _lines(run: Run, old: Sequence[str], new: Sequence[str]) -> Iterator[_Markup]:
    if run.kind == "equal":
        yield _block([harmless(old[at]) for at in run.old], "same")
        return
    for lines, at, cls in ((old, run.old, "old"), (new, run.new, "new")):
        if at:
            yield _block([harmless(line) for line in lines[at.start : at.stop]], cls)


def _block(lines: Sequence[str], cls: str) -> _Markup:
    text = _tag("pre", "\n".join(lines), cls=cls)
    if len(lines) <= _OPEN_LINES:
        return text
    return _tag("details", _tag("summary", _dim(f"{len(lines)} lines")), text)


def _dim(text: str) -> _Markup:
    return _tag("span", text, cls="dim")


def _tag(tag: str, /, *inside: str, **attributes: str) -> _Markup:
    return _Markup(f"{_opened(tag, attributes)}{''.join(map(_text, inside))}</{tag}>")


def _void(tag: str, /, **attributes: str) -> _Markup:
    return _Markup(_opened(tag, attributes))


def _opened(tag: str, attributes: Mapping[str, str]) -> str:
    told = (f' {_SPELLED.get(key, key)}="{escape(value)}"' for key, value in attributes.items())
    return f"<{tag}{''.join(told)}>"


_SPELLED: Final = {"cls": "class", "http_equiv": "http-equiv"}


def _text(text: str) -> str:
    if isinstance(text, _Markup):
        return text
    return escape("\n".join(map(harmless, text.split("\n"))))
