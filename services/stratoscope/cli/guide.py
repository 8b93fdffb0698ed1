"""The demo's guide on a terminal: it talks, types the commands and shows the progress."""

import asyncio
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.text import Text

from stratoscope.cli.app import run
from stratoscope.cli.faults import Fault
from stratoscope.cli.rendering import DIM
from stratoscope.cli.screen import stderr, stdout
from stratoscope.demo.tour import Work


class ConsoleGuide:
    """Speaks on stdout; the progress bar, which is no result, is on stderr."""

    def __init__(self) -> None:
        self._console = stdout()

    def heading(self, text: str) -> None:
        """Open a new stop of the tour."""
        self._console.print(Rule(Text(text, style="bold"), align="left", style=DIM))

    def say(self, text: str) -> None:
        """Some words to the reader."""
        self._console.print(Text(" ".join(text.split())), end="\n\n")

    def code(self, text: str) -> None:
        """Something to type or to paste."""
        self._console.print(Text(textwrap.indent(text, "    "), style="bold"), end="\n\n")

    async def command(self, words: Sequence[str], hidden: Sequence[str]) -> None:
        """Show a command as the reader would type it, and run it with what it needs here."""
        line = shlex.join(["stratoscope", *words])
        self._console.print(Text.assemble(("$ ", "bold green"), (line, "bold")), soft_wrap=True)
        # In a thread: a command runs an event loop of its own.
        code = await asyncio.to_thread(run, [*words, *hidden])
        if code != 0:
            raise Fault(f"`{line}` ended with {code}")
        self._console.print()

    @contextmanager
    def working(self, text: str) -> Iterator[Work]:
        """Something that takes a while; its bar stays, full, when it is done."""
        progress = Progress(
            SpinnerColumn(finished_text=Text("✓", style="green")),
            TextColumn("{task.description:<42}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[came]}", style=DIM),
            console=stderr(),
        )
        with progress:
            yield _Bar(progress, progress.add_task(text, total=None, came=""))


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def done(self, text: str) -> None:
        """Fill the bar."""
        self._progress.update(self._task, completed=1, total=1, came=text)
