"""Where two runs part, as a person reads it."""

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from stratoscope.cli.diffs import change_lines
from stratoscope.cli.rendering import DIM, event_line, position
from stratoscope_contracts.comparing import (
    CompareDivergenceReply,
    DivergenceKind,
    FurtherDivergence,
)
from stratoscope_contracts.views import Change, Event

_CHANGES: Final = 20


def divergence(reply: CompareDivergenceReply, names: tuple[str, str], width: int) -> RenderableType:
    """The first difference, and what is known of the others."""
    same = "1 event" if reply.aligned == 1 else f"{reply.aligned:,} events"
    if reply.positions is None:
        return Text.assemble(("the same", "bold green"), f": {same}, and every state at them")
    lines: list[RenderableType] = [
        Text.assemble(
            ("they part", "bold yellow"), f" after {same} in common: ", _said(reply, names)
        ),
        *(Text.assemble(("  ", ""), position(place)) for place in reply.positions),
        *_events(reply, names),
        *_changes(reply.changes, width),
    ]
    if reply.states and reply.states.positions != reply.positions:
        lines.append(Text("\ntheir states part at", style="bold"))
        lines += (Text.assemble("  ", position(place)) for place in reply.states.positions)
        lines += _changes(reply.states.changes, width)
    lines += _further(reply)
    return Group(*lines)


def _said(reply: CompareDivergenceReply, names: tuple[str, str]) -> str:
    return "" if reply.kind is None else _kind(reply.kind, names)


def _kind(kind: DivergenceKind, names: tuple[str, str]) -> str:
    match kind:
        case "extra_in_a":
            return f"{names[0]} has an event that {names[1]} has not"
        case "extra_in_b":
            return f"{names[1]} has an event that {names[0]} has not"
        case "different_event":
            return "another event"
        case "different_state":
            return "the same events, another state"


def _events(reply: CompareDivergenceReply, names: tuple[str, str]) -> Iterator[Text]:
    signs = (("-", "red"), ("+", "green"))
    for (sign, colour), event in zip(signs, reply.events or (), strict=False):
        if event is not None:
            yield _event(event, sign, colour)


def _event(event: Event, sign: str, colour: str) -> Text:
    line = event_line(event)
    told = Text.assemble((f"  {sign} ", colour), (f"{event.agent} ", DIM), line)
    told.no_wrap, told.overflow = True, "ellipsis"
    return told


def _changes(changes: list[Change], width: int) -> Iterator[Text]:
    for change in changes[:_CHANGES]:
        yield from change_lines(change, width)
    if len(changes) > _CHANGES:
        yield Text(f"  … {len(changes) - _CHANGES} more changes: -o json", style=DIM)


def _further(reply: CompareDivergenceReply) -> Iterator[Text]:
    if reply.further:
        yield Text("\nbehind it their events differ again", style="bold")
        yield from (_again(one) for one in reply.further)
    if not reply.complete and reply.kind != "different_state":
        yield Text("  … not looked through to the end", style=DIM)


def _again(one: FurtherDivergence) -> Text:
    ours, theirs = one.event_indexes
    gone, came = one.events
    return Text.assemble(
        "  at ",
        (f"#{ours}", "bold"),
        " and ",
        (f"#{theirs}", "bold"),
        ": ",
        (f"{gone} against {came} events", DIM),
    )
