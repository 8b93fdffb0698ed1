"""Two documents in two columns, as `diff -y` shows two files, hunk by hunk."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, zip_longest
from typing import Final
from unicodedata import combining, east_asian_width

from stratoscope.domain.comparison.rendering.lines import Run, harmless, heading, hunks
from stratoscope.domain.comparison.rendering.unified import Title

_BETWEEN: Final = 3


def side_by_side(
    old: Sequence[str], new: Sequence[str], titles: tuple[Title, Title], width: int
) -> str:
    """The hunks within a width of columns; nothing where no line differs.

    Between the columns stands `<` where a line is gone, `>` where one came, `|` where one became
    another. What does not fit is cut, and ends in `…`.
    """
    column = (width - _BETWEEN) // 2
    rows = [row for runs in hunks(old, new) for row in _hunk(runs, old, new, column)]
    if not rows:
        return ""
    left, right = (harmless(f"{title.name}  {title.time}".rstrip()) for title in titles)
    return "\n".join((_row(left, right, " ", column), *rows, ""))


def _hunk(
    runs: Sequence[Run], old: Sequence[str], new: Sequence[str], column: int
) -> Iterator[str]:
    yield heading(runs)
    for run in runs:
        for left, right in zip_longest(run.old, run.new):
            sign = " " if run.kind == "equal" else "|"
            sign = ">" if left is None else "<" if right is None else sign
            yield _row(
                "" if left is None else old[left], "" if right is None else new[right], sign, column
            )


def _row(left: str, right: str, sign: str, column: int) -> str:
    cut = _cut(left, column)
    padding = " " * (column - cells(cut))
    return f"{cut}{padding} {sign} {_cut(right, column)}".rstrip()


def _cut(text: str, column: int) -> str:
    if cells(text) <= column:
        return text
    ends = accumulate(map(_cells, text))
    return text[: sum(end < column for end in ends)] + "…"


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1
