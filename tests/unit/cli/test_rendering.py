"""How replies look at a hundred columns, without colours."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console, RenderableType

from stratoscope.cli import diffs, rendering
from stratoscope_contracts.comparing import CompareReply, CompareSummary
from stratoscope_contracts.looking import (
    AgentsListReply,
    EventsListReply,
    StateAtReply,
    StatsReply,
)
from stratoscope_contracts.views import AgentView, Change, Event, Position

EIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def printed(renderable: RenderableType, width: int = 100) -> list[str]:
    file = StringIO()
    Console(file=file, width=width, color_system=None).print(renderable)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def event(index: int, kind: str = "decision_made", **more: Any) -> Event:
    fields: dict[str, Any] = {
        "id": UUID(int=index),
        "type": kind,
        "occurred_at": EIGHT + timedelta(milliseconds=250 * index),
        "agent": "explorer-7",
        "event_index": index,
        "stream_seq": index + 1,
        "ordinal": 0,
        "recorded_at": EIGHT,
        "depth": 1,
    }
    return Event(**(fields | more))


def position(index: int, **more: Any) -> Position:
    return Position(agent="explorer-7", event_index=index, occurred_at=EIGHT, **more)


def test_a_timeline_has_a_line_an_event_with_its_causes_by_number() -> None:
    reply = EventsListReply(
        events=[
            event(0, data={"decision": "explore"}),
            event(1, "error_occurred", causes=[UUID(int=0), UUID(int=0xABCD)], late=True),
        ]
    )
    assert printed(rendering.timeline(reply, "explorer-7")) == [
        "explorer-7  2026-11-23, UTC",
        "#  time          type              cause  what",
        "0  08:00:00.000  decision_made            decision explore",
        "1  08:00:00.250  error_occurred  0 …abcd                    late",
    ]


def test_a_timeline_says_what_the_recorder_dropped() -> None:
    gap = {"first_at": EIGHT, "last_at": EIGHT + timedelta(seconds=4)}
    reply = EventsListReply(
        events=[
            event(0, gap={"records": 3, **gap}, late=True),
            event(1, gap={"records": 1, **gap, "last_at": EIGHT}),
        ]
    )
    lines = printed(rendering.timeline(reply, "explorer-7"), width=120)
    assert lines[2].endswith("late; 3 records dropped by the recorder, 08:00:00 to 08:00:04")
    assert lines[3].endswith("  1 record dropped by the recorder, 08:00:00")


def test_where_the_screen_is_narrow_only_the_contents_are_cut() -> None:
    reply = EventsListReply(events=[event(0, data={"text": "word " * 40})])
    lines = printed(rendering.timeline(reply, "explorer-7"), width=60)
    assert len(lines) == 3
    assert lines[2].startswith("0  08:00:00.000  decision_made         word word")
    assert lines[2].endswith("…")


def test_a_timeline_can_show_ids_whole() -> None:
    reply = EventsListReply(events=[event(7)], cursor="more")
    lines = printed(rendering.timeline(reply, "explorer-7", ids=True))
    assert str(UUID(int=7)) in lines[2]
    assert lines[3] == "… there are more: --limit 1000, or --all"


def test_what_was_recorded_is_never_markup() -> None:
    reply = EventsListReply(events=[event(0, data={"text": "[bold]x[/bold] [/nothing]"})])
    assert "[bold]x[/bold] [/nothing]" in printed(rendering.timeline(reply, "explorer-7"))[2]


def test_nothing_recorded_is_said_in_words() -> None:
    assert printed(rendering.agents(AgentsListReply(agents=[]), "default")) == [
        "No agent has recorded anything in space default yet."
    ]
    assert printed(rendering.timeline(EventsListReply(events=[]), "a")) == ["a has no such event."]


def test_agents_are_listed_with_how_much_they_recorded() -> None:
    at_gate = {"held": True, "held_by": ["operator"], "gated": True, "waiting_since": EIGHT}
    found = AgentView(agent="explorer-7", events=1200, snapshots=3, first_at=EIGHT, **at_gate)
    lines = printed(rendering.agents(AgentsListReply(agents=[found]), "default"))
    assert lines[1] == "explorer-7   1,200          3  2026-11-23 08:00:00.000Z  -     held"


def test_a_state_says_where_it_stands_and_what_is_wrong_with_it() -> None:
    place = position(3, state_event_index=1)
    reply = StateAtReply(position=place, state={"b": 1.0, "a": 1}, exact=False, tainted=True)
    assert printed(rendering.state(reply, "")) == [
        "explorer-7  after event 3  2026-11-23 08:00:00.000Z",
        "state set after event 1, and not since",
        "tainted: a patch before this could not be applied, or records were dropped",
        "{",
        '  "a": 1,',
        '  "b": 1.0',
        "}",
    ]


def test_before_the_first_event_is_said_in_words() -> None:
    start = Position(agent="explorer-7", event_index=-1)
    assert printed(rendering.position(start)) == ["explorer-7  before the first event"]


def test_stats_are_in_words_and_units() -> None:
    reply = StatsReply(
        total_agents=2, total_events=1500, total_snapshots=4, total_diffs=3,
        total_memory_usage=0, stored_bytes=512, raw_bytes=2048, active_sessions=1,
        total_sessions=2, dead_letters=0, projected={0: 7}, lag=3,
    )  # fmt: skip
    lines = printed(rendering.stats(reply, "default"))
    assert any("1,500" in line for line in lines)
    assert any("2.0 KiB" in line and "512 B stored, 4.0 times less" in line for line in lines)
    assert any("3  messages not projected yet" in line for line in lines)


def changed(*found: Change) -> list[str]:
    ops = [change.op for change in found]
    summary = CompareSummary(
        total_changes=len(ops),
        additions=ops.count("added"),
        modifications=ops.count("modified"),
        removals=ops.count("removed"),
        similarity_score=0.5,
    )
    return printed(diffs.changes(found, summary, 100))


def test_each_change_is_a_line_with_its_sign() -> None:
    assert changed(
        Change(path="goal", op="modified", old="explore", new="flee"),
        Change(path="inventory[2]", op="added", new={"key": 1}),
        Change(path="target", op="removed", old=None),
    ) == [
        '  ~ goal  "explore" → "flee"',
        '  + inventory[2]  {"key":1}',
        "  - target  null",
        "  1 modified · 1 added · 1 removed · similarity 0.50",
    ]


def test_the_root_has_a_name_and_nothing_changed_is_said() -> None:
    assert changed(Change(path="", op="modified", old={}, new=[]))[0] == "  ~ (the root)  {} → []"
    assert changed() == ["  nothing changed"]


def test_texts_of_several_lines_are_compared_line_by_line() -> None:
    old, new = "one\ntwo\nthree", "one\n--- two\nthree"
    assert changed(Change(path="notes", op="modified", old=old, new=new))[:5] == [
        "  ~ notes",
        "        one",
        "      - two",
        "      + --- two",
        "        three",
    ]


def test_a_long_comparison_ends_with_how_much_is_left_out() -> None:
    old, new = "\n".join("abcdefghijklmnop"), "\n".join("ABCDEFGHIJKLMNOP")
    lines = changed(Change(path="notes", op="modified", old=old, new=new))
    assert "      … 21 more lines: -o json" in lines
    assert len(lines) == 14


def test_a_large_part_that_came_is_told_by_what_is_most_telling() -> None:
    said = {"content": "I will look", "name": "model", "pad": ["x" * 50, "y" * 50], "z": {"a": 1}}
    (line, _) = changed(Change(path="messages[3]", op="added", new=said))
    assert line.startswith("  + messages[3]  model · I will look")
    assert line.endswith("lines")
    assert len(line) <= 100


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\x9bb"])
def test_a_change_never_moves_a_terminal(text: str) -> None:
    lines = changed(Change(path=text, op="added", new={text: text}))
    assert not any("\x1b" in line or "\x9b" in line for line in lines)


def test_a_comparison_names_both_positions() -> None:
    reply = CompareReply(
        from_=position(1),
        to=position(2),
        changes=[],
        summary=CompareSummary(
            total_changes=0, additions=0, modifications=0, removals=0, similarity_score=1
        ),
    )
    assert printed(diffs.comparison(reply, 100)) == [
        "from  explorer-7  after event 1  2026-11-23 08:00:00.000Z",
        "to    explorer-7  after event 2  2026-11-23 08:00:00.000Z",
        "  nothing changed",
    ]
