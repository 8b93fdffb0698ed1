"""Where retention has dropped a beginning, a person is told."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import UUID

from rich.console import Console, RenderableType

from stratoscope.cli import fields, rendering
from stratoscope_contracts.looking import (
    AgentsListReply,
    EventsListReply,
    StateHistoryReply,
    StateLastWriteReply,
    StateWrite,
)
from stratoscope_contracts.views import AgentView, Change, Event, Horizon, Position

EIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC)
HORIZON = Horizon(event_index=900, stream_seq=901, occurred_at=EIGHT, recorded_at=EIGHT)
BEGINS = "begins at event 900, 2026-11-23 08:00:00Z: retention dropped what was before"
EVENT = Event(
    id=UUID(int=1),
    type="decision_made",
    occurred_at=EIGHT,
    agent="explorer-7",
    event_index=900,
    stream_seq=901,
    ordinal=0,
    recorded_at=EIGHT,
    depth=1,
)


def printed(renderable: RenderableType) -> list[str]:
    file = StringIO()
    Console(file=file, width=100, color_system=None).print(renderable)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def place(index: int) -> Position:
    return Position(agent="explorer-7", event_index=index, occurred_at=EIGHT)


def write(**known: Any) -> StateLastWriteReply:
    unknown = dict.fromkeys(("change", "position", "event_id", "event_span", "previous"))
    return StateLastWriteReply(**(unknown | known), horizon=HORIZON)


def test_where_a_beginning_was_dropped_it_is_said() -> None:
    found = AgentView(
        agent="explorer-7", events=3, snapshots=3, first_at=EIGHT, held=False, horizon=HORIZON
    )
    assert printed(rendering.agents(AgentsListReply(agents=[found]), "default"))[1].endswith(
        "from event 900 on"
    )
    timeline = EventsListReply(events=[EVENT], horizon=HORIZON)
    assert printed(rendering.timeline(timeline, "explorer-7"))[1] == BEGINS
    nothing = EventsListReply(events=[], horizon=HORIZON)
    assert printed(rendering.timeline(nothing, "explorer-7"))[1] == BEGINS


def test_a_field_s_history_and_its_writes_end_where_the_beginning_was_dropped() -> None:
    change = Change(path="n", op="added", new=1)
    one = StateWrite(change=change, position=place(901), event_id=None, event_span=1)
    history = StateHistoryReply(changes=[one], horizon=HORIZON)
    assert printed(fields.changes(history, "n"))[0] == BEGINS
    none = StateHistoryReply(changes=[], horizon=HORIZON)
    assert printed(fields.changes(none, "n")) == ["nobody wrote n there", BEGINS]
    first = write(change=change, position=place(901))
    assert printed(fields.writes([first], "n"))[-1] == BEGINS
    later = first.model_copy(update={"previous": place(900)})
    assert BEGINS not in printed(fields.writes([later], "n"))
    assert printed(fields.writes([write()], "n"))[-1] == BEGINS
