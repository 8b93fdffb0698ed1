"""What a command of the prompt is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.faults import UsageFault

# Given the rest of the line, as it was typed.
Act = Callable[[Desk, str], Awaitable[None]]


class Takes(Enum):
    """What a command is completed with."""

    NOTHING = auto()
    PATH = auto()
    CONDITION = auto()
    MOMENT = auto()
    EVENT = auto()
    SIZE = auto()
    MARK = auto()
    BREAKPOINT = auto()
    COMMAND = auto()
    TOPIC = auto()


class Repeat(Enum):
    """What an empty line does after a command."""

    SAME = auto()
    # Its name alone: it goes on from where it was.
    BARE = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """One command: the first of its names is shown, the others are taken, too."""

    names: tuple[str, ...]
    usage: str
    help: str
    act: Act
    takes: Takes = Takes.NOTHING
    repeat: Repeat = Repeat.SAME
    more: str = ""
    ends: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return self.names[0]

    @property
    def aliases(self) -> tuple[str, ...]:
        """What it is called, too."""
        return self.names[1:]

    def again(self, line: str) -> str:
        """The line that an empty one stands for, after this one."""
        match self.repeat:
            case Repeat.SAME:
                return line
            case Repeat.BARE:
                return self.name
            case Repeat.NEVER:
                return ""


def count(rest: str, default: int) -> int:
    """How many. Raises UsageFault where it is no number from 1 on."""
    if not rest:
        return default
    if rest.isascii() and rest.isdecimal() and len(rest) < 16 and int(rest) > 0:
        return int(rest)
    raise UsageFault(f"{rest!r} is no number from 1 on")


def words(rest: str, at_least: int, at_most: int, usage: str) -> list[str]:
    """The words of a line, of which there have to be so many. Raises UsageFault."""
    found = rest.split()
    if not at_least <= len(found) <= at_most:
        raise UsageFault(f"it takes {usage or 'nothing'}")
    return found
