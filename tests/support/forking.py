"""Commands as processes of their own that need not be imported anew each time.

Four in five parts of what a short command takes is Python reading its modules. Here one process
reads them once, and each command is a fork of it: a process with arguments, environment, input,
output and exit code of its own, as from a shell.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import NoReturn

_SECONDS = 30.0


class Forking:
    """The process that the commands are forked from."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self,
        arguments: tuple[str, ...],
        environment: dict[str, str],
        given: str | None,
        stdout: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """What a command prints and ends with; 142 where it takes too long.

        `stdout` names a file that it prints to instead, as /dev/full.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn, tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, name) for name in ("in", "out", "err")]
            files[0].write_text(given or "")
            asked = {
                "arguments": arguments,
                "environment": environment,
                "files": [str(files[0]), stdout or str(files[1]), str(files[2])],
            }
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            out, err = (_printed(file) for file in files[1:])
        return subprocess.CompletedProcess(arguments, code, out, err)

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=_SECONDS)


def _printed(file: Path) -> str:
    # As it is: nothing printed makes a line that was not one.
    return file.read_bytes().decode("utf-8", "surrogateescape") if file.exists() else ""


def _serve() -> None:
    """Fork for each line that comes, and answer it with the exit code."""
    # Read for those that come after.
    from stratoscope.cli import app, commands  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked["arguments"], asked["environment"], asked["files"])
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(code if code >= 0 else 128 - code, flush=True)


def _become(arguments: list[str], environment: dict[str, str], files: list[str]) -> NoReturn:
    """Be a command, as if started by a shell."""
    import signal

    from stratoscope.cli.app import main

    code: object = 1
    try:
        signal.alarm(int(_SECONDS))
        os.environ.clear()
        os.environ.update(environment)
        for number, file in enumerate(files):
            os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
        sys.stdin = os.fdopen(0)
        sys.argv = ["stratoscope", *arguments]
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve()
