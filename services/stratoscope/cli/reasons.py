"""Graphs of causes as a person reads them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from rich.console import Group, RenderableType
from rich.text import Text

from stratoscope.cli.rails import DOT, rails
from stratoscope.cli.rendering import DIM, Row, columns, in_full, kind, said, since
from stratoscope_contracts.causes import CausalityGraphReply, RelationName
from stratoscope_contracts.views import Event

Path = Sequence[Event] | None
_ASKED = "▶"


def graph(reply: CausalityGraphReply, asked: UUID) -> RenderableType:
    """A line an event in the log's order, with rails; what the one asked about says in full."""
    events = {event.id: event for event in reply.nodes or ()}
    late = {tuple(edge) for edge in reply.late or ()}
    known = _known(events, late)
    drawn = rails({str(id_): [str(cause) for cause in causes] for id_, causes in known.items()})
    rows = [
        _line(event, events, known[event.id], rail.replace(DOT, _ASKED, event.id == asked))
        for event, rail in zip(events.values(), drawn, strict=True)
    ]
    several = len({event.agent for event in events.values()}) > 1
    title = [] if several else [Text(events[asked].agent, style="bold")]
    remarked = [
        (*row, Text(_remarks(event, events, reply), style="yellow"))
        for row, event in zip(rows, events.values(), strict=True)
    ]
    shown = remarked if several else [(row[0], Text(), *row[2:]) for row in remarked]
    table = columns(("", "", "event>", "waited>", "type", "what", ""), shown, stretched=5)
    more = Text("… there are more: --nodes, up to 10000", style=DIM)
    return Group(*title, table, *([more] if reply.truncated else []), in_full(events[asked]))


def relation(found: RelationName, a: str, b: str, way: Path) -> RenderableType:
    """One sentence, and the way that led from one to the other."""
    sentence = {
        "before": f"{a} happened before {b}",
        "after": f"{a} happened after {b}",
        "concurrent": f"neither {a} nor {b} happened before the other",
        "same": "they are one event",
    }[found]
    if way is None:
        return Text(
            sentence + (", by the order of timelines" if found in ("before", "after") else "")
        )
    events = {event.id: event for event in way}
    rows = [
        _line(event, events, [cause for cause in event.causes if cause in events], DOT)
        for event in way
    ]
    table = columns(("", "", "event>", "waited>", "type", "what"), rows, stretched=5)
    return Group(Text(f"{sentence}:"), table)


def _known(events: Mapping[UUID, Event], late: set[tuple[UUID, ...]]) -> dict[UUID, list[UUID]]:
    """Each event's causes that stand before it, the nearest first."""
    order = {id_: number for number, id_ in enumerate(events)}
    return {
        id_: sorted(
            {cause for cause in event.causes if cause in order and (cause, id_) not in late},
            key=order.__getitem__,
            reverse=True,
        )
        for id_, event in events.items()
    }


def _line(event: Event, events: Mapping[UUID, Event], causes: Sequence[UUID], rail: str) -> Row:
    before = events[causes[0]] if causes else None
    return (
        Text(rail, style=DIM),
        Text(event.agent, style=DIM),
        Text(f"#{event.event_index}", style="bold"),
        Text(since(event, before), style=DIM),
        kind(event),
        said(event.data),
    )


def _remarks(event: Event, events: Mapping[UUID, Event], reply: CausalityGraphReply) -> str:
    """Causes that came late, close a cycle or were never recorded."""
    cycles = {tuple(edge) for edge in reply.cycles or ()}
    parts = []
    for cause, effect in reply.late or ():
        if effect == event.id:
            what = "closes a cycle" if (cause, effect) in cycles else "late"
            parts.append(f"cause {events[cause].agent}:{events[cause].event_index} {what}")
    missing = sum(cause in (reply.missing or ()) for cause in event.causes)
    if missing:
        parts.append(f"{missing} cause{'s' * (missing > 1)} not recorded")
    return ", ".join(parts)
