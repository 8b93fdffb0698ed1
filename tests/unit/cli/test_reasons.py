"""Graphs of causes as a person reads them."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

from rich.console import Console, RenderableType

from stratoscope.cli import reasons
from stratoscope_contracts.causes import CausalityGraphReply
from stratoscope_contracts.views import Event

EIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def printed(renderable: RenderableType) -> list[str]:
    file = StringIO()
    Console(file=file, width=100, color_system=None).print(renderable)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def event(index: int, *causes: int, agent: str = "explorer-7", **more: Any) -> Event:
    fields: dict[str, Any] = {
        "id": UUID(int=index),
        "type": "decision_made",
        "occurred_at": EIGHT + timedelta(milliseconds=250 * index),
        "agent": agent,
        "event_index": index,
        "stream_seq": index + 1,
        "ordinal": 0,
        "recorded_at": EIGHT,
        "depth": 1,
        "causes": [UUID(int=cause) for cause in causes],
    }
    return Event(**(fields | more))


def edge(cause: int, effect: int) -> tuple[UUID, UUID]:
    return UUID(int=cause), UUID(int=effect)


def graph(*events: Event, **more: Any) -> CausalityGraphReply:
    edges = [(cause, one.id) for one in events for cause in one.causes]
    return CausalityGraphReply(
        nodes=[*events], edges=edges, **({"late": [], "cycles": [], "missing": []} | more)
    )


def test_causes_run_down_to_the_event_that_is_told_in_full() -> None:
    last = event(9, 4, type="error_occurred", data={"message": "too late"})
    assert printed(reasons.graph(graph(event(0), event(4, 0), last), last.id)) == [
        "explorer-7",
        "   event        waited  type            what",
        "●     #0  08:00:00.000  decision_made",
        "●     #4       +1.00 s  decision_made",
        "▶     #9       +1.25 s  error_occurred  too late",
        "",
        f"#9  error_occurred  {UUID(int=9)}",
        "  message    too late",
    ]


def test_several_agents_are_named() -> None:
    last = event(1, 0)
    lines = printed(reasons.graph(graph(event(0, agent="scout"), last), last.id))
    assert lines[1].startswith("●  scout")
    assert lines[2].startswith("▶  explorer-7")


def test_late_missing_and_circular_causes_are_remarked() -> None:
    one, other = event(1, 2, 7, 8), event(2, 1, 3)
    third = event(3)
    found = graph(
        one,
        other,
        third,
        late=[edge(2, 1), edge(3, 2)],
        cycles=[edge(2, 1)],
        missing=[UUID(int=7), UUID(int=8)],
        truncated=True,
    )
    lines = printed(reasons.graph(found, other.id))
    assert "cause explorer-7:2 closes a cycle, 2 causes not recorded" in lines[2]
    assert "cause explorer-7:3 late" in lines[3]
    assert any("there are more" in line for line in lines)


def test_a_relation_is_a_sentence_and_the_way() -> None:
    way = [event(0), event(4, 0)]
    assert printed(reasons.relation("before", "a:0", "a:4", way))[0] == "a:0 happened before a:4:"
    assert printed(reasons.relation("after", "a:4", "b:1", None)) == [
        "a:4 happened after b:1, by the order of timelines"
    ]
    assert printed(reasons.relation("concurrent", "a:4", "b:1", None)) == [
        "neither a:4 nor b:1 happened before the other"
    ]
