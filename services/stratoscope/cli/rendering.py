"""Tables and states as a person reads them; nothing here asks or decides anything.

Whatever was recorded is put in as text, never as markup.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from rich.console import Group, RenderableType
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

from stratoscope.cli.gist import fields, gist, harmless, pretty
from stratoscope.cli.horizons import begins, kept_from
from stratoscope_contracts.looking import (
    AgentsListReply,
    EventsListReply,
    StateAtReply,
    StatsReply,
)
from stratoscope_contracts.views import AgentView, Event, Position

DIM: Final = "dim"
_FIELDS: Final = 12
Row = tuple[Text, ...]
_TAINTED: Final = "tainted: a patch before this could not be applied, or records were dropped"
_KINDS: Final = {
    "error_occurred": "bold red",
    "decision_made": "magenta",
    "action_execution": "cyan",
    "message_received": "bright_blue",
    "message_sent": "bright_blue",
    "state_change": "yellow",
    "memory_update": "green",
    "network_activity": "bright_cyan",
}
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def agents(reply: AgentsListReply, space: str) -> RenderableType:
    """The agents of a space."""
    if not reply.agents:
        return Text(f"No agent has recorded anything in space {space} yet.", style=DIM)
    rows: list[Row] = [
        (
            Text(agent.agent, style="bold"),
            Text(f"{agent.events:,}"),
            Text(f"{agent.snapshots:,}"),
            Text(day_and_time(agent.first_at)),
            Text(day_and_time(agent.last_at)),
            Text.assemble(
                (_held(agent), "bold yellow"),
                (kept_from(agent.horizon), "yellow"),
            ),
        )
        for agent in reply.agents
    ]
    table = columns(("agent", "events>", "snapshots>", "first", "last", ""), rows)
    return Group(table, *more(reply.cursor))


def _held(agent: AgentView) -> str:
    """Whether an agent stands at its gate, is on the way there, or has none to be held at."""
    if not agent.held_by:
        return ""
    if not agent.gated:
        return "no gate to be held at  "
    return "held  " if agent.waiting_since else "to be held  "


def timeline(reply: EventsListReply, agent: str, *, ids: bool = False) -> RenderableType:
    """Events of one agent, a line each."""
    if not reply.events:
        return Group(Text(f"{agent} has no such event.", style=DIM), *begins(reply.horizon))
    indexes = {event.id: event.event_index for event in reply.events}
    rows: list[Row] = [
        (
            Text(str(event.event_index), style="bold"),
            Text(clock(event.occurred_at), style=DIM),
            kind(event),
            Text(_causes(event.causes, indexes), style=DIM),
            Text(str(event.id)) if ids else said(event.data),
            Text(_remarks(event), style="yellow"),
        )
        for event in reply.events
    ]
    headings = ("#>", "time", "type", "cause>", "id" if ids else "what", "")
    table = columns(headings, rows, stretched=4)
    title = _days(agent, reply.events)
    return Group(title, *begins(reply.horizon), table, *more(reply.cursor))


def state(reply: StateAtReply, path: str) -> RenderableType:
    """A state, or the part of it at a path, and where it stands."""
    remarks = [] if reply.exact else [Text(_set_by(reply.position), style=DIM)]
    if reply.tainted:
        remarks.append(Text(_TAINTED, style="yellow"))
    title = Text.assemble(position(reply.position), (f"  {path}", "bold") if path else "")
    if not reply.exists:
        return Group(title, *remarks, Text("nothing stands there", style=DIM))
    return Group(title, *remarks, JSONHighlighter()(Text(pretty(reply.state))))


def event_line(event: Event) -> Text:
    """One event on one line."""
    return Text.assemble(
        (f"#{event.event_index}", "bold"),
        "  ",
        (clock(event.occurred_at), DIM),
        "  ",
        kind(event),
        "  ",
        said(event.data),
        overflow="ellipsis",
        no_wrap=True,
    )


def said(data: object) -> Text:
    """The most telling values, the words they stand under in the background."""
    parts = [
        Text.assemble((f"{leaf.word} " if leaf.word else "", DIM), leaf.text) for leaf in gist(data)
    ]
    # Assembled, because the style of a separator itself would be that of the whole.
    return Text.assemble((" · ", DIM)).join(parts)


def position(place: Position) -> Text:
    """Where a reader stands."""
    where = "before the first event"
    if place.event_index >= 0:
        where = f"after event {place.event_index}"
    time = f"  {day_and_time(place.occurred_at)}" if place.occurred_at else ""
    return Text.assemble((place.agent, "bold"), "  ", (where, "bold cyan"), (time, DIM))


def stats(reply: StatsReply, space: str) -> RenderableType:
    """What the space holds."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style=DIM)
    table.add_column(justify="right", style="bold")
    table.add_column(style=DIM)
    for name, value, remark in _stats_rows(reply):
        table.add_row(name, value, remark)
    return Group(Text.assemble(("space ", DIM), (space, "bold")), table)


def day_and_time(moment: datetime | None) -> str:
    """In UTC, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z" if moment else "-"


def clock(moment: datetime) -> str:
    """The time of day in UTC, to the millisecond."""
    return moment.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


def kind(event: Event) -> Text:
    """An event's type in its colour."""
    return Text(event.type, style=_KINDS.get(event.type, ""), no_wrap=True)


def size(count: int) -> str:
    """Bytes in the unit that leaves one to four digits."""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def columns(headings: Sequence[str], rows: Sequence[Row], stretched: int = -1) -> Table:
    """Columns by their headings: `>` at the end means to the right; one gives way, if any."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=DIM, pad_edge=False)
    kept = [number for number, heading in enumerate(headings) if heading or _any(rows, number)]
    for number in kept:
        table.add_column(
            headings[number].removesuffix(">"),
            justify="right" if headings[number].endswith(">") else "left",
            # Where the screen is narrow, columns that may be wrapped are the ones that shrink.
            no_wrap=number != stretched,
        )
    for row in rows:
        if stretched >= 0:
            row[stretched].no_wrap, row[stretched].overflow = True, "ellipsis"
        table.add_row(*(row[number] for number in kept))
    return table


def _any(rows: Sequence[Row], number: int) -> bool:
    return any(row[number].plain for row in rows)


def more(cursor: str | None) -> list[Text]:
    """What is said at the end of a list that has more."""
    return [Text("… there are more: --limit 1000, or --all", style=DIM)] if cursor else []


def _days(agent: str, events: Sequence[Event]) -> Text:
    days = sorted({event.occurred_at.astimezone(UTC).date() for event in events})
    span = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return Text.assemble((agent, "bold"), (f"  {span}, UTC", DIM))


def _causes(causes: Iterable[UUID], indexes: dict[UUID, int]) -> str:
    # A cause in another agent or on another page has no number here, only its id's end.
    return " ".join(str(indexes.get(cause, f"…{str(cause)[-4:]}")) for cause in causes)


def _remarks(event: Event) -> str:
    marks = {"late": event.late, "clamped": event.clamped, "patch": bool(event.patch)}
    found = [name for name, there in marks.items() if there]
    return "; ".join([" ".join(found), *gap(event)] if found else gap(event))


def gap(event: Event) -> list[str]:
    """What the recorder dropped before an event, in words; nothing where it dropped none."""
    if event.gap is None:
        return []
    records = "1 record" if event.gap.records == 1 else f"{event.gap.records:,} records"
    first, last = (f"{clock(one):.8}" for one in (event.gap.first_at, event.gap.last_at))
    span = first if first == last else f"{first} to {last}"
    return [f"{records} dropped by the recorder, {span}"]


def _set_by(place: Position) -> str:
    if place.state_event_index < 0:
        return "state set before the first event"
    return f"state set after event {place.state_event_index}, and not since"


def since(event: Event, before: Event | None) -> str:
    """How long after another an event came; its time where there is no other."""
    if before is None:
        return clock(event.occurred_at)
    return _waited(event.occurred_at - before.occurred_at)


def _waited(span: timedelta) -> str:
    seconds = span.total_seconds()
    if abs(seconds) < 1:
        return f"{seconds * 1000:+.0f} ms"
    return f"{seconds:+.2f} s" if abs(seconds) < 120 else f"{seconds / 60:+.1f} min"


def in_full(event: Event) -> RenderableType:
    """An event's data, a line a value; what only a program reads is left out."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    table.add_column(style=DIM, no_wrap=True)
    table.add_column()
    for field in fields(event.data)[:_FIELDS]:
        table.add_row(field.word, field.text)
    title = Text.assemble(
        "\n", (f"#{event.event_index}", "bold"), "  ", kind(event), (f"  {event.id}", DIM)
    )
    return Group(title, table)


def _stats_rows(reply: StatsReply) -> list[tuple[str, str, str]]:
    ratio = reply.raw_bytes / reply.stored_bytes if reply.stored_bytes else 0
    behind = "everything is projected" if reply.lag == 0 else "messages not projected yet"
    if reply.lag is None:
        behind = "the log ends before the projection: see `stratoscope doctor`"
    return [
        ("agents", f"{reply.total_agents:,}", ""),
        ("events", f"{reply.total_events:,}", ""),
        ("snapshots", f"{reply.total_snapshots:,}", f"{reply.total_diffs:,} of them as deltas"),
        (
            "states",
            size(reply.raw_bytes),
            f"{size(reply.stored_bytes)} stored, {ratio:.1f} times less",
        ),
        ("agents' memory", size(reply.total_memory_usage), "as they said themselves"),
        ("sessions", f"{reply.total_sessions:,}", f"{reply.active_sessions:,} active"),
        ("dead letters", f"{reply.dead_letters:,}", ""),
        ("lag", "unknown" if reply.lag is None else f"{reply.lag:,}", behind),
    ]


def told(text: str) -> Text:
    """What a service or a file said, made fit for a terminal."""
    return Text("\n".join(harmless(line) for line in text.splitlines()))
