"""The command's entry: arguments in, exit code out, and never a stack trace.

typer, rich and prompt_toolkit come with the extra `[cli]`. This module is importable without them,
so that who has only the recorder is told what to install.
"""

import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from stratoscope.cli.secret_files import FOLDER, take_secrets

_NEEDED = "stratoscope's commands need their extra: pip install 'stratoscope[cli]'"
_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    code = run(sys.argv[1:])
    _finish_output()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command in this process; its exit code."""
    # A service configures its own logs; what asks says itself what went wrong.
    logging.getLogger("stratoscope").addHandler(logging.NullHandler())
    try:
        take_secrets(os.environ)
    except OSError as error:
        print(f"error: {FOLDER}: {error}", file=sys.stderr)
        return 2
    try:
        from stratoscope.cli.commands import execute

        return execute(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("typer", "rich", "prompt_toolkit"):
            raise
        print(_NEEDED, file=sys.stderr)
        return 1


def _finish_output() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (`| head`): nothing more is to be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
