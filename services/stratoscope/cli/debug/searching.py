"""How far a run is, while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from stratoscope.cli.screen import stderr
from stratoscope.client.lasting import Tell
from stratoscope_contracts.envelopes import Progress


@contextmanager
def searching() -> Iterator[Tell]:
    """A line that is gone afterwards, on a terminal; nothing elsewhere."""
    console = stderr()
    if not console.is_terminal:
        yield _unheard
        return
    with console.status("searching") as status:

        def tell(progress: Progress) -> None:
            of = f" of {progress.total:,}" if progress.total is not None else ""
            status.update(f"searching: {progress.done:,}{of} events; Ctrl-C leaves it")

        yield tell


def _unheard(_: Progress) -> None:
    """Nobody looks."""
