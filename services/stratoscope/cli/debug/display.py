"""What the prompt shows, beside what other commands show too."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, assert_never
from uuid import UUID

from rich.console import Group, RenderableType
from rich.text import Text

from stratoscope.cli import rendering
from stratoscope.cli.conditions import spelled
from stratoscope.cli.debug.places import Place
from stratoscope.cli.diffs import change_lines
from stratoscope.cli.gist import harmless, pretty
from stratoscope_contracts.breakpoints import Breakpoint
from stratoscope_contracts.comparing import CompareReply
from stratoscope_contracts.looking import Direction, StateAtReply
from stratoscope_contracts.sessions import (
    Mark,
    Session,
    StoppedBy,
    StoppedByBreakpoint,
    StoppedByCondition,
)
from stratoscope_contracts.views import AtSnapshot, Event

_DIM: Final = rendering.DIM
_CHANGES: Final = 6


def arrival(place: Place, changed: CompareReply, width: int) -> RenderableType:
    """The event that was come to, and what changed on the way."""
    shown = list(islice(changed.changes, _CHANGES))
    lines = [line for change in shown for line in change_lines(change, width)]
    if len(shown) < len(changed.changes):
        left = len(changed.changes) - len(shown)
        lines.append(Text(f"  … {left:,} more: `diff` or `diff MOMENT`", style=_DIM))
    return Group(*here(place), *lines)


def here(place: Place) -> list[Text]:
    """Where it stands."""
    lines = [rendering.position(place.position)]
    if place.event is not None:
        lines = [rendering.event_line(place.event)]
    if isinstance(place.at, AtSnapshot):
        lines.append(Text(f"  snapshot:{place.at.snapshot_id}", style=_DIM))
    return lines


def stopped(by: StoppedBy, direction: Direction, numbers: Mapping[UUID, int]) -> Text:
    """Why a run ended."""
    match by:
        case StoppedByBreakpoint():
            number = numbers.get(by.breakpoint)
            said = f"breakpoint {number or by.breakpoint}"
        case StoppedByCondition():
            said = "the condition is hit here"
        case "fence":
            said = "the fence"
        case "end":
            forward = direction == "forward"
            said = "the end of what is recorded" if forward else "the beginning of what is recorded"
        case _:
            assert_never(by)
    return Text(said, style="bold cyan")


def left(place: Place) -> Text:
    """A run that was left before its end."""
    return Text(f"left: the session stands at event {place.index}", style="bold yellow")


def value(reply: StateAtReply, path: str) -> Text:
    """What stands at a path."""
    if not reply.exists:
        return Text(f"nothing stands at {harmless(path)} here", style=_DIM)
    return Text(pretty(reply.state))


def around(events: Sequence[Event], index: int) -> RenderableType:
    """Events, the current one marked."""
    if not events:
        return Text("there is no event here", style=_DIM)
    lines = [Text("▶ before the first event", style="bold")] if index < 0 else []
    for event in events:
        pointer = ("▶ ", "bold") if event.event_index == index else "  "
        line = Text.assemble(pointer, rendering.event_line(event))
        line.no_wrap, line.overflow = True, "ellipsis"
        lines.append(line)
    return Group(*lines)


def mark(one: Mark) -> Text:
    """A mark on a line."""
    note = f"  {harmless(one.note)}" if one.note else ""
    name = (f"* {harmless(one.name)}  ", "yellow")
    return Text.assemble(name, rendering.position(one.position), note)


def marks(found: Sequence[Mark]) -> RenderableType:
    """All marks."""
    return Group(*map(mark, found)) if found else Text("there are no marks", style=_DIM)


def breakpoint_line(number: int, one: Breakpoint, word: str = "") -> Text:
    """A breakpoint on a line."""
    whose = "" if one.session is not None else f"  of {one.agent}"
    off = "" if one.is_enabled else f"  off{_because(one)}"
    hits = f"  {one.hit_count:,} live hits" if one.hit_count else ""
    return Text.assemble(
        (f"breakpoint {number}", "bold"),
        f"  {harmless(spelled(one.condition))}{whose}",
        (hits, _DIM),
        (off, "yellow"),
        (f"  {word}" if word else "", "yellow"),
    )


def breakpoints(found: Sequence[tuple[int, Breakpoint]]) -> RenderableType:
    """All breakpoints."""
    if not found:
        return Text("there are no breakpoints", style=_DIM)
    return Group(*(breakpoint_line(number, one) for number, one in found))


def session(one: Session, place: Place) -> RenderableType:
    """A session, and where it stands."""
    return Group(
        Text.assemble(("session ", _DIM), (str(one.id), "bold"), f"  {one.state}"),
        Text.assemble(("at      ", _DIM), rendering.position(place.position)),
        *([rendering.event_line(place.event)] if place.event is not None else []),
    )


def _because(one: Breakpoint) -> str:
    return f": {harmless(one.disabled_reason)}" if one.disabled_reason else ""
