"""The command's entry: arguments in, exit code out, and never a stack trace.

typer, rich and prompt_toolkit come with the extra `[cli]`. This module is importable without them,
so that who has only the recorder is told what to install.
"""

import gc
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from stratoscope.cli.secret_files import FOLDER, take_secrets

_NEEDED = "stratoscope's commands need their extra: pip install 'stratoscope[cli]'"
_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    if sys.stdout is None or sys.stderr is None:
        _refuse_closed()
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        code = _tell_unwritable(error)
    except SystemExit as end:
        # click's way to end where the reader is gone.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        code = _tell_unwritable(end.__context__)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command in this process; its exit code."""
    # A service configures its own logs; what asks says itself what went wrong.
    logging.getLogger("stratoscope").addHandler(logging.NullHandler())
    try:
        take_secrets(os.environ)
    except (OSError, ValueError) as error:
        print(f"error: {FOLDER}: {error}", file=sys.stderr)
        return 2
    try:
        # What is imported stays: looking through it again and again is a tenth of the start.
        gc.disable()
        from stratoscope.cli.commands import execute

        gc.freeze()
        gc.enable()
        return execute(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("typer", "rich", "prompt_toolkit"):
            raise
        print(_NEEDED, file=sys.stderr)
        return 1


def _tell_unwritable(error: OSError) -> int:
    """Say in one line that the output went nowhere; the exit code."""
    # What is still buffered would fail once more at exit.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    with suppress(OSError):
        print(f"error: the output can't be written: {error.strerror or error}", file=sys.stderr)
        sys.stderr.flush()
        return 1
    os.dup2(nowhere, sys.stderr.fileno())
    return 1


def _refuse_closed() -> NoReturn:
    """End before anything is done: the next file opened would stand where output belongs."""
    if sys.stderr is not None:
        print("error: stdout is closed: send it to /dev/null instead", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
