"""`stratoscope up`: everything in one process's care, until it is told to stop."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.stack import Stack, Wanted, running_stack

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def default_data_folder() -> Path:
    """A folder among the user's own data."""
    import platformdirs

    return Path(platformdirs.user_data_dir("stratoscope", appauthor=False))


async def run_up(wanted: Wanted, *, json_output: bool) -> int:
    """Start everything, say so on stdout once all is ready, and run until a signal comes.

    Gives the exit code: 0 after a stop that was asked for, 1 with a message on stderr where
    something does not come up.
    """
    task = asyncio.current_task()
    assert task is not None
    with _interrupts(task.cancel) as received:
        try:
            async with running_stack(wanted) as stack:
                print(_line(stack) if json_output else _welcome(stack), flush=True)
                await asyncio.Event().wait()
        except (EmbeddedError, OSError) as error:  # OSError: a file that is not ours, a full disk
            print(f"stratoscope up: {error}", file=sys.stderr)
            return 1
        except asyncio.CancelledError:
            if not received:
                raise
            task.uncancel()
    return 0


@contextmanager
def _interrupts(interrupt: Callable[[], object]) -> Iterator[list[signal.Signals]]:
    received: list[signal.Signals] = []

    def on_signal(number: signal.Signals) -> None:
        # Only the first one: those after it would cut the stopping short.
        if not received:
            interrupt()
        received.append(number)

    loop = asyncio.get_running_loop()
    # nohup's wish is kept; SIGINT is taken even where a shell's & has it ignored.
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = STOPPING_SIGNALS if nohup else (*STOPPING_SIGNALS, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield received
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _line(stack: Stack) -> str:
    return json.dumps(stack.description(), separators=(",", ":"))


def _welcome(stack: Stack) -> str:
    return f"""\
Stratoscope is up.

  broker     {stack.public_nats_url}
  projector  {stack.service_url("projector")}/metrics
  navigator  {stack.service_url("navigator")}/metrics
  data       {stack.running_file.parent}
  logs       {stack.logs}

Record into it:
  import stratoscope
  async with stratoscope.connect("{stack.public_nats_url}") as strato: ...

Look at it, from another terminal:
  stratoscope agents --server {stack.public_nats_url}

Addresses with their passwords are in {stack.running_file}.
Ctrl-C stops everything; the data stays."""
