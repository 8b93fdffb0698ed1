"""Documents as lines of indented JSON, and where the lines of two of them differ.

Lines are aligned by difflib, which looks at what is left once the common beginning and end are cut
off: of two states of one agent that is little. What a terminal or a browser would obey is spelled
as JSON escapes, which leaves it JSON.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal

import orjson

CONTEXT: Final = 3
_PRETTY: Final = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2

Kind = Literal["equal", "replace", "delete", "insert"]


@dataclass(frozen=True, slots=True)
class Run:
    """Lines of the old text and what stands for them in the new one: indexes, the end excluded."""

    kind: Kind
    old: range
    new: range


def pretty(document: Any) -> list[str]:
    """A document as indented JSON, keys by code point."""
    text = orjson.dumps(document, option=_PRETTY).decode()
    return [harmless(line) for line in text.split("\n")]


def harmless(text: str) -> str:
    """The text with every character that can't be printed as a JSON escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def hunks(old: Sequence[str], new: Sequence[str], context: int = CONTEXT) -> Iterator[list[Run]]:
    """Where the lines differ, with lines of context around; nothing where they do not."""
    hunk: list[Run] = []
    for run in _runs(old, new):
        if run.kind != "equal":
            hunk.append(run)
        elif not hunk:
            hunk = [_ends(run, context)]
        elif len(run.old) > 2 * context:
            yield [*hunk, _begins(run, context)]
            hunk = [_ends(run, context)]
        else:
            hunk.append(run)
    if any(run.kind != "equal" for run in hunk):
        yield [*hunk[:-1], _begins(hunk[-1], context)] if hunk[-1].kind == "equal" else hunk


def _runs(old: Sequence[str], new: Sequence[str]) -> Iterator[Run]:
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    middle_old, middle_new = old[first : len(old) - last], new[first : len(new) - last]
    if first:
        yield Run("equal", range(first), range(first))
    for kind, a, b, c, d in SequenceMatcher(None, middle_old, middle_new).get_opcodes():
        yield Run(kind, range(first + a, first + b), range(first + c, first + d))
    if last:
        yield Run("equal", range(len(old) - last, len(old)), range(len(new) - last, len(new)))


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(old), len(new)))


def _begins(run: Run, lines: int) -> Run:
    return Run(run.kind, run.old[:lines], run.new[:lines])


def _ends(run: Run, lines: int) -> Run:
    return Run(run.kind, run.old[-lines:], run.new[-lines:])


def span(runs: Sequence[Run]) -> tuple[range, range]:
    """The lines of both texts that a hunk shows."""
    return (
        range(runs[0].old.start, runs[-1].old.stop),
        range(runs[0].new.start, runs[-1].new.stop),
    )


def heading(runs: Sequence[Run]) -> str:
    """`@@ -1,7 +1,6 @@`."""
    old, new = span(runs)
    return f"@@ -{_told(old)} +{_told(new)} @@"


def _told(lines: range) -> str:
    if len(lines) == 1:
        return f"{lines.start + 1}"
    # An empty stretch is named by the line before it.
    return f"{lines.start + (len(lines) > 0)},{len(lines)}"
