"""The commands, once for all: what they are called, take and do."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group
from rich.text import Text

from stratoscope.cli.conditions import FORMS
from stratoscope.cli.debug import keeping, live, looking, moving, stopping
from stratoscope.cli.debug.commands import Command, Repeat, Takes
from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.moments import FORMS as MOMENTS
from stratoscope.cli.rendering import DIM, columns
from stratoscope.cli.screen import show


async def _help(_: Desk, rest: str) -> None:
    show(helped(find(rest)) if rest else overview())


async def _quit(_: Desk, rest: str) -> None:
    """Nothing is left to do: it is the last line."""


_CONDITION: Final = f"A condition is {FORMS}."
_MOMENT: Final = f"A moment is {MOMENTS}; or the name of a mark, or . for here."

COMMANDS: Final[Sequence[Command]] = (
    Command(
        ("next", "n"),
        "[N]",
        "One event on, or N.",
        moving.next_,
        more="Shows the event that it comes to, and what changed on the way.",
    ),
    Command(("back", "reverse-next", "rn"), "[N]", "One event back, or N.", moving.back),
    Command(
        ("step", "s"),
        "[SIZE]",
        "On by a size: event, snapshot, 5 (events) or 2.5s.",
        moving.step,
        takes=Takes.SIZE,
        more="Seconds move the session's clock, also where nothing was recorded.",
    ),
    Command(
        ("reverse-step", "rs"), "[SIZE]", "Back by a size.", moving.reverse_step, takes=Takes.SIZE
    ),
    Command(
        ("continue", "c", "cont"),
        "[CONDITION]",
        "On to where a breakpoint, or the condition, is hit next.",
        moving.continue_,
        takes=Takes.CONDITION,
        more="Breakpoints do not stop it where a condition is given. Ctrl-C leaves it: the session"
        f" stands where it got to.\n{_CONDITION}",
    ),
    Command(
        ("reverse-continue", "rc"),
        "[CONDITION]",
        "Back to where a breakpoint, or the condition, was hit last.",
        moving.reverse_continue,
        takes=Takes.CONDITION,
        more=_CONDITION,
    ),
    Command(
        ("goto", "jump", "g"),
        "MOMENT",
        "To any moment, or to a mark.",
        moving.goto,
        takes=Takes.MOMENT,
        more=f"{_MOMENT} mark:NAME is a mark, whatever else it could be.",
    ),
    Command(("undo",), "", "To the place before, as a browser goes back.", moving.undo),
    Command(("redo",), "", "To the place that `undo` came from.", moving.redo),
    Command(
        ("break", "b"),
        "CONDITION",
        "Sets a breakpoint of this session; it is watched live, too.",
        stopping.break_,
        takes=Takes.CONDITION,
        repeat=Repeat.NEVER,
        more=f"Without a condition it lists them.\n{_CONDITION}",
    ),
    Command(
        ("watch", "w"),
        "PATH",
        "Sets a breakpoint on every change of a field.",
        stopping.watch,
        takes=Takes.PATH,
        repeat=Repeat.NEVER,
    ),
    Command(
        ("delete", "d"),
        "ID...",
        "Removes breakpoints, by number or id.",
        stopping.delete,
        takes=Takes.BREAKPOINT,
        repeat=Repeat.NEVER,
    ),
    Command(
        ("enable",),
        "ID...",
        "Switches breakpoints on.",
        stopping.enable,
        takes=Takes.BREAKPOINT,
        repeat=Repeat.NEVER,
    ),
    Command(
        ("disable",),
        "ID...",
        "Switches breakpoints off, and keeps them.",
        stopping.disable,
        takes=Takes.BREAKPOINT,
        repeat=Repeat.NEVER,
    ),
    Command(
        ("print", "p"), "[PATH]", "What stands at a path here.", looking.print_, takes=Takes.PATH
    ),
    Command(("state",), "", "The whole state here.", looking.state),
    Command(
        ("last",),
        "[PATH]",
        "Who wrote a field last, at or before here.",
        looking.last,
        takes=Takes.PATH,
        repeat=Repeat.BARE,
        more="Repeated, or without a path, it goes on to the write before.",
    ),
    Command(
        ("history", "h"),
        "PATH",
        "Every change of a field up to here.",
        looking.history,
        takes=Takes.PATH,
    ),
    Command(
        ("diff",),
        "[MOMENT [MOMENT]]",
        "What the event here changed, or what changed between moments.",
        looking.diff,
        takes=Takes.MOMENT,
        more=f"One moment: from there to here. {_MOMENT}",
    ),
    Command(
        ("why",),
        "[EVENT]",
        "What the event here came from: the graph of its causes.",
        looking.why,
        takes=Takes.EVENT,
        more="EVENT is a moment, AGENT:MOMENT, or an id.",
    ),
    Command(
        ("effects",), "[EVENT]", "What the event here led to.", looking.effects, takes=Takes.EVENT
    ),
    Command(
        ("events", "list", "l"),
        "[N]",
        "The events around here, N to each side (5).",
        looking.events,
    ),
    Command(
        ("mark", "m"),
        "NAME [NOTE]",
        "Gives this place a name, and a note.",
        keeping.mark,
        takes=Takes.MARK,
        repeat=Repeat.NEVER,
    ),
    Command(
        ("unmark",),
        "NAME",
        "Forgets a mark.",
        keeping.unmark,
        takes=Takes.MARK,
        repeat=Repeat.NEVER,
    ),
    Command(("marks",), "", "The marks of the session.", keeping.marks),
    Command(
        ("info", "i"),
        "[breakpoints]",
        "The session, where it stands, and its breakpoints.",
        keeping.info,
        takes=Takes.TOPIC,
    ),
    Command(
        ("pause",), "", "Holds the live agent at its next gate.", live.pause, repeat=Repeat.NEVER
    ),
    Command(
        ("resume",),
        "[N]",
        "Lets the live agent go on, or record N events more.",
        live.resume,
        repeat=Repeat.NEVER,
    ),
    Command(("help", "?"), "[COMMAND]", "What there is, and how.", _help, takes=Takes.COMMAND),
    Command(
        ("quit", "q", "exit"),
        "",
        "Ends the session, unless it is to be kept.",
        _quit,
        repeat=Repeat.NEVER,
        ends=True,
        more="So does Ctrl-D.",
    ),
)
_NAMED: Final = {name: command for command in COMMANDS for name in command.names}


def find(word: str) -> Command:
    """The command of a name, or of the beginning of one alone. Raises UsageFault."""
    if word in _NAMED:
        return _NAMED[word]
    begun = [one for one in COMMANDS if any(name.startswith(word) for name in one.names)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        names = ", ".join(one.name for one in begun)
        raise UsageFault(f"{word!r} could be {names}")
    raise UsageFault(f"there is no command {word!r}: `help` lists them")


def read(line: str) -> tuple[Command, str]:
    """A line as its command and what it is given. Raises UsageFault."""
    word, _, rest = line.strip().partition(" ")
    return find(word), rest.strip()


def overview() -> Group:
    """All commands, a line each."""
    rows = [
        (
            Text(one.name, style="bold"),
            Text(" ".join(one.aliases), style=DIM),
            Text(one.usage),
            Text(one.help),
        )
        for one in COMMANDS
    ]
    said = "An empty line repeats the last command. `help COMMAND` says more."
    table = columns(("command", "also", "takes", "does"), rows, stretched=3)
    return Group(table, Text(said, style=DIM))


def helped(command: Command) -> Group:
    """One command."""
    title = Text.assemble((command.name, "bold"), f" {command.usage}".rstrip())
    if command.aliases:
        title.append(f"  (also {', '.join(command.aliases)})", style=DIM)
    return Group(title, Text(command.help), *([Text(command.more)] if command.more else []))
