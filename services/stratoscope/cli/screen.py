"""Where output goes: data to stdout, everything else to stderr, colours only where they help."""

import os
import sys
from typing import IO

import orjson
from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.text import Text

from stratoscope.cli.faults import Fault, advice, label, particulars
from stratoscope.cli.gist import harmless
from stratoscope.cli.rendering import told
from stratoscope.domain.comparison.rendering import lines
from stratoscope_contracts.errors import StratoError

# What is not a terminal has no width of its own; 80 would cut off what a file has room for.
_WIDTH_ELSEWHERE = 120


def stdout() -> Console:
    """For data."""
    return _console(sys.stdout)


def stderr() -> Console:
    """For all that is not data."""
    return _console(sys.stderr)


def show(renderable: RenderableType) -> None:
    """Print data for a person."""
    stdout().print(renderable)


def show_json(document: BaseModel | dict[str, object]) -> None:
    """Print one JSON document on one line: keys sorted, numbers as they were recorded."""
    if isinstance(document, BaseModel):
        document = document.model_dump(mode="json", by_alias=True)
    write_text(orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode() + "\n", is_json=True)


def write_text(text: str, *, is_json: bool) -> None:
    """Print text as it is, for files and programs; what a terminal would obey, it is not given.

    In JSON that is spelled as an escape of JSON, which leaves the document the same.
    """
    if sys.stdout.isatty():
        escape = lines.harmless if is_json else harmless
        text = "\n".join(escape(line) for line in text.split("\n"))
    # As bytes: whatever is written is UTF-8, whatever the terminal's language is.
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def tell_error(error: StratoError) -> None:
    """What a service answered, with its code, and what to do about it."""
    _tell(label(error), error.message, particulars(error), advice(error))


def tell_fault(fault: Fault) -> None:
    """What the command itself could not do, and what to do about it."""
    _tell("", fault.message, [], fault.hint)


def _tell(code: str, message: str, lines: list[str], hint: str) -> None:
    console = stderr()
    console.print(
        Text.assemble(("error", "bold red"), f" [{code}]: " if code else ": ", told(message)),
        soft_wrap=True,
    )
    for line in lines:
        console.print(Text.assemble("  ", told(line)), soft_wrap=True)
    if hint:
        console.print(Text.assemble(("hint", "bold cyan"), ": ", told(hint)), soft_wrap=True)


def _console(file: IO[str]) -> Console:
    width = None if file.isatty() or "COLUMNS" in os.environ else _WIDTH_ELSEWHERE
    if os.environ.get("NO_COLOR"):
        # Wholly plain: rich by itself would keep bold and dim.
        return _Printer(file=file, width=width, color_system=None, highlight=False)
    return _Printer(file=file, width=width, highlight=False)


class _Printer(Console):
    """rich's console, where a reader that is gone is an error like any other of the output."""

    def on_broken_pipe(self) -> None:
        raise
