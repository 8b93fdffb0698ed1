"""The documentation as tests read it: its code blocks and its tables."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What differs from run to run, a longer one before what it contains.
_CHANGING = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
    (r"\d{4}-\d{2}-\d{2}", "<date>"),
    (r"\d{2}:\d{2}:\d{2}\.\d{3}", "<time>"),
    (r" *\+\d+ ms", " <waited>"),
)


def page(name: str) -> str:
    """The text of a page, by its path from the root."""
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page(name), re.DOTALL | re.MULTILINE)


def table(name: str, first_column: str) -> list[list[str]]:
    """The rows of the table that is headed so, cells as text without their backticks."""
    lines = iter(page(name).splitlines())
    for line in lines:
        if line.startswith(f"| {first_column} |"):
            break
    else:
        raise LookupError(f"{name} has no table headed {first_column!r}")
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def masked(text: str) -> list[str]:
    """The lines of an output, with what changes from run to run made the same."""
    for pattern, word in _CHANGING:
        text = re.sub(pattern, word, text)
    return [line.rstrip() for line in text.splitlines()]
