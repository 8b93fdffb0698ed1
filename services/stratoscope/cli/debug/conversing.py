"""Reading lines and obeying them, until there are no more."""

import sys
from contextlib import suppress

from rich.text import Text

from stratoscope.cli.debug.commands import Command
from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.debug.interrupts import Interrupts
from stratoscope.cli.debug.lines import Lines
from stratoscope.cli.debug.table import read
from stratoscope.cli.faults import Fault, label, particulars
from stratoscope.cli.rendering import told
from stratoscope.cli.screen import show, stderr
from stratoscope_contracts.errors import StratoError


class Conversation:
    """One prompt, from its first line to its last."""

    def __init__(self, desk: Desk, lines: Lines) -> None:
        self._desk = desk
        self._lines = lines
        self._again = ""
        self.failed = False
        self.interrupted = False

    async def hold(self, interrupts: Interrupts) -> None:
        """Obey every line; each that fails is told in one line, and the next one follows."""
        while (line := await self._next(interrupts)) is not None:
            line = line.strip() or self._again
            if not line or line.startswith("#"):
                continue
            command = self._read(line)
            if command is None:
                continue
            self._again = command[0].again(line)
            if not await interrupts.run(self._obey(*command)):
                show(Text("interrupted", style="bold yellow"))
                await interrupts.run(self._look_where())
            sys.stdout.flush()
            if command[0].ends:
                return

    async def _next(self, interrupts: Interrupts) -> str | None:
        found: list[str | None] = []

        async def reading() -> None:
            found.append(await self._lines.next(prompt(self._desk)))

        if await interrupts.run(reading()):
            return found[0]
        # Whoever is at a terminal gets another line; a script ends.
        self.interrupted = not self._lines.is_interactive
        return "#" if self._lines.is_interactive else None

    def _read(self, line: str) -> tuple[Command, str] | None:
        try:
            return read(line)
        except Fault as fault:
            self._tell(fault)
            return None

    async def _obey(self, command: Command, rest: str) -> None:
        try:
            await command.act(self._desk, rest)
        except (Fault, StratoError) as error:
            self._tell(error)

    async def _look_where(self) -> None:
        """What was given up may have moved the session all the same."""
        with suppress(StratoError):
            await self._desk.refresh()

    def _tell(self, error: Fault | StratoError) -> None:
        self.failed = True
        sys.stdout.flush()
        stderr().print(error_line(error), soft_wrap=True)


def prompt(desk: Desk) -> str:
    """Where one stands, before what is typed."""
    return f"({desk.agent} #{desk.place.index}) "


def error_line(error: Fault | StratoError) -> Text:
    """What went wrong, in one line."""
    if isinstance(error, StratoError):
        code = f" [{label(error)}]"
        parts = [error.message, *particulars(error)]
    else:
        code, parts = "", [error.message, error.hint]
    said = "; ".join(part for part in parts if part)
    return Text.assemble(("error", "bold red"), f"{code}: ", told(" ".join(said.split())))
