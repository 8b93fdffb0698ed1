"""How far something long is: a bar on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from stratoscope.admin.progress import Estimate, Teller

_LINE_EVERY = 5.0


@contextmanager
def telling(console: Console) -> "Iterator[Teller]":
    """Someone who tells, on this console, until it is done."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with progress:
        yield _Bar(progress)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = time.monotonic()

    def stage(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)

    def progress(self, what: str, estimate: "Estimate") -> None:
        if time.monotonic() - self._told >= _LINE_EVERY:
            self._told = time.monotonic()
            self._console.print(f"{what}: {said(estimate)}", soft_wrap=True, markup=False)


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def stage(self, text: str) -> None:
        self._progress.console.print(text, soft_wrap=True, markup=False)
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def progress(self, what: str, estimate: "Estimate") -> None:
        if self._task is None:
            self._task = self._progress.add_task(what, said="")
        self._progress.update(
            self._task, completed=estimate.done, total=estimate.total, said=said(estimate)
        )


def said(estimate: "Estimate") -> str:
    """How far it is, how fast, and how long it will still take."""
    parts = [f"{estimate.done:,} of {estimate.total:,}"]
    if estimate.rate is not None:
        parts.append(f"{estimate.rate:,.0f}/s")
    if estimate.seconds_left is not None and estimate.done < estimate.total:
        parts.append(f"{duration(estimate.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """As 45 s, 12 min or 3 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
