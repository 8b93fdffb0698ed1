"""Two documents as `diff -u` shows two files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stratoscope.domain.comparison.rendering.lines import Run, harmless, heading, hunks


@dataclass(frozen=True, slots=True)
class Title:
    """What a side is called, and of when it is."""

    name: str
    time: str = ""


def unified(old: Sequence[str], new: Sequence[str], titles: tuple[Title, Title]) -> str:
    """The hunks, each with lines of context; nothing where no line differs."""
    lines = [line for runs in hunks(old, new) for line in _hunk(runs, old, new)]
    if not lines:
        return ""
    return "\n".join((_title("---", titles[0]), _title("+++", titles[1]), *lines, ""))


def _title(sign: str, title: Title) -> str:
    return f"{sign} {harmless(title.name)}\t{title.time}".rstrip("\t")


def _hunk(runs: Sequence[Run], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    yield heading(runs)
    for run in runs:
        if run.kind == "equal":
            yield from (f" {old[at]}" for at in run.old)
        else:
            yield from (f"-{old[at]}" for at in run.old)
            yield from (f"+{new[at]}" for at in run.new)
