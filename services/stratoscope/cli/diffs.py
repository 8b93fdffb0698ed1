"""Changes between two states as a person reads them: one line each, more where text is long.

    ~ goal  "explore" → "flee"
    + inventory[2]  "key"
    - target  {"x":3}

The sign says it all, the colour only repeats it.
"""

import difflib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from stratoscope.cli.gist import harmless, pretty, shortened, spelled
from stratoscope.cli.rendering import DIM, position, said
from stratoscope_contracts.comparing import CompareReply, CompareSummary
from stratoscope_contracts.views import Change, ChangeOp

_SIGNS: Final[dict[ChangeOp, tuple[str, str]]] = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "modified": ("~", "yellow"),
}
_LINES: Final = 12
# A part that came or went whole is told in one line where it has more than this.
_WHOLE_LINES: Final = 6
_INDENT: Final = "      "


def comparison(reply: CompareReply, width: int) -> RenderableType:
    """What changed from one position to another."""
    return Group(
        Text.assemble(("from  ", DIM), position(reply.from_)),
        Text.assemble(("to    ", DIM), position(reply.to)),
        changes(reply.changes, reply.summary, width),
    )


def unified(text: str) -> Iterator[Text]:
    """The lines of a unified diff in colour; nothing changed where there are none."""
    styles = {"+": "green", "-": "red", "@": "cyan"}
    if not text:
        yield Text("  nothing changed", style=DIM)
    for line in text.splitlines():
        yield Text(line.expandtabs(), style=styles.get(line[:1], ""))


def changes(found: Sequence[Change], summary: CompareSummary, width: int) -> RenderableType:
    """The changes, and their count."""
    if not found:
        return Text("  nothing changed", style=DIM)
    lines = [line for change in found for line in change_lines(change, width)]
    return Group(*lines, _count(summary))


def change_lines(change: Change, width: int) -> Iterator[Text]:
    """One change: on a line where it fits, as a block where it does not."""
    sign, colour = _SIGNS[change.op]
    path = harmless(change.path) or "(the root)"
    title = Text.assemble("  ", (f"{sign} ", colour), (path, "bold"), "  ")
    sides = Text("  ").join(_sides(change))
    if title.cell_len + sides.cell_len <= width and not _has_lines(change):
        yield Text.assemble(title, sides)
        return
    lines = list(_marked(change))
    if change.op == "modified" or len(lines) <= _WHOLE_LINES:
        yield title
        yield from _block(lines, width)
    else:
        yield _told(title, change, len(lines), width)


def _told(title: Text, change: Change, lines: int, width: int) -> Text:
    """A large part that came or went, by what is most telling in it."""
    whole = change.new if change.has_new else change.old
    size = Text(f"  {lines} lines", style=DIM)
    line = Text.assemble(title, said(shortened(whole, width)))
    line.truncate(width - size.cell_len, overflow="ellipsis")
    return line.append_text(size)


def _sides(change: Change) -> list[Text]:
    match change.op:
        case "added":
            return [Text(spelled(change.new), style="green")]
        case "removed":
            return [Text(spelled(change.old), style="red")]
        case "modified":
            old, new = (
                Text(spelled(change.old), style="red"),
                Text(spelled(change.new), style="green"),
            )
            return [Text.assemble(old, (" → ", DIM), new)]


def _block(lines: Sequence[tuple[str, str]], width: int) -> Iterator[Text]:
    """The values under the path, line by line."""
    shown = lines if len(lines) <= _LINES else lines[: _LINES - 1]
    for sign, line in shown:
        style = {"+": "green", "-": "red"}.get(sign, DIM)
        text = Text(f"{_INDENT}{sign} {line}", style=style)
        text.truncate(width, overflow="ellipsis")
        yield text
    if len(shown) < len(lines):
        yield Text(f"{_INDENT}… {len(lines) - len(shown)} more lines: -o json", style=DIM)


def _has_lines(change: Change) -> bool:
    sides = (change.old, change.new)
    return any(isinstance(side, str) and "\n" in side.strip() for side in sides)


def _value_lines(value: Any) -> list[str]:
    if isinstance(value, str) and "\n" in value:
        return [harmless(line) for line in value.splitlines()]
    return pretty(value).split("\n")


def _marked(change: Change) -> Iterator[tuple[str, str]]:
    """The lines of both sides, those that stayed between those that did not."""
    old = _value_lines(change.old) if change.has_old else []
    new = _value_lines(change.new) if change.has_new else []
    # The first two lines name files that there are none of.
    for line in islice(difflib.unified_diff(old, new, lineterm="", n=1), 2, None):
        if not line.startswith("@@"):
            yield line[:1], line[1:]


def _count(summary: CompareSummary) -> Text:
    counted = (
        (summary.modifications, "modified"),
        (summary.additions, "added"),
        (summary.removals, "removed"),
    )
    parts = [f"{count} {word}" for count, word in counted if count]
    alike = f"similarity {summary.similarity_score:.2f}"
    return Text("  " + " · ".join([*parts, alike]), style=DIM)
