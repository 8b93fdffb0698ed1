"""Where the lines come from: a person at a terminal, or a script."""

import asyncio
import os
import threading
from typing import Final, Protocol

_CHUNK: Final = 65_536


class Lines(Protocol):
    """What is typed, line by line."""

    @property
    def is_interactive(self) -> bool:
        """Whether somebody looks on."""
        ...

    async def next(self, prompt: str) -> str | None:
        """The next line; None at the end."""
        ...


class Scripted:
    """Lines of a file or a pipe, without a prompt."""

    is_interactive = False

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        # A daemon: one that waits for a pipe would keep the process from ending.
        self._reader = threading.Thread(target=self._read, daemon=True)

    async def next(self, prompt: str) -> str | None:
        """The next line."""
        if self._reader.ident is None:
            self._reader.start()
        return await self._lines.get()

    def _read(self) -> None:
        # Not through sys.stdin, whose lock would still be held when the interpreter ends.
        rest = b""
        while chunk := os.read(self._descriptor, _CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._put(line.decode(errors="replace"))
        if rest:
            self._put(rest.decode(errors="replace"))
        self._put(None)

    def _put(self, line: str | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
