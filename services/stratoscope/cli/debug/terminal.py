"""A person at a terminal: a line to edit, completion, and a history that is kept."""

import os
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from stratoscope.cli.debug.commands import Takes
from stratoscope.cli.debug.completion import candidates, unfinished
from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.debug.knowing import Knowing
from stratoscope_contracts.errors import StratoError


class Typed:
    """Lines of a person, with completion and a history that is kept."""

    is_interactive = True

    def __init__(self, desk: Desk) -> None:
        self._prompts: PromptSession[str] = PromptSession(
            history=_history(), completer=Completing(desk), complete_while_typing=False
        )

    async def next(self, prompt: str) -> str | None:
        """The next line; an empty one where it was given up by Ctrl-C."""
        try:
            # Ctrl-C is a key here; the signal, while a command runs, is not the prompt's.
            return await self._prompts.prompt_async(prompt, handle_sigint=False)
        except KeyboardInterrupt:
            return "#"
        except EOFError:
            return None


class Completing(Completer):
    """Completes lines at a desk, with what is asked of the navigator when it is needed."""

    def __init__(self, desk: Desk) -> None:
        self._memory = Knowing(desk)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Nothing without waiting."""
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """What stands behind the cursor can become."""
        line = unfinished(document.text_before_cursor)
        takes = Takes.NOTHING if line.command is None else line.command.takes
        try:
            known = await self._memory.known(takes)
        except StratoError:
            # A line can be typed without help, too.
            return
        for one in candidates(line, known):
            yield Completion(one, start_position=-len(line.word))


def history_file() -> Path:
    """Where what was typed is kept: STRATO_DEBUG_HISTORY, or a file of the user's state."""
    if named := os.environ.get("STRATO_DEBUG_HISTORY"):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "stratoscope" / "debug_history"


def _history() -> History:
    file = history_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # For its owner alone: conditions may hold what was recorded.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError:
        # Where nothing can be kept, it is remembered as long as the prompt lasts.
        return InMemoryHistory()
    return FileHistory(file)
