"""How runs and their comparisons look at a hundred columns, without colours."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console, RenderableType

from stratoscope.cli import diffs, divergences, trends
from stratoscope.cli.choosing import JsonType, options
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.sparklines import sparkline
from stratoscope_contracts.comparing import (
    Anomaly,
    CategoryTrend,
    ChangeFrequency,
    CompareDivergenceReply,
    CompareOptions,
    ComparePatternsReply,
    FurtherDivergence,
    SimilarityTrend,
    StatesPart,
)
from stratoscope_contracts.views import Change, Event, Position

EIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC)
NOTHING: dict[str, Any] = dict.fromkeys(
    ("include", "exclude", "depth", "threshold", "digits", "types", "categories")
)


def printed(renderable: RenderableType) -> list[str]:
    file = StringIO()
    Console(file=file, width=100, color_system=None).print(renderable)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def at(agent: str, index: int) -> Position:
    return Position(agent=agent, event_index=index, occurred_at=EIGHT)


def event(agent: str, index: int, **data: Any) -> Event:
    return Event(
        id=UUID(int=index),
        type="decision_made",
        occurred_at=EIGHT,
        data=data,
        agent=agent,
        event_index=index,
        stream_seq=index + 1,
        ordinal=0,
        recorded_at=EIGHT,
        depth=1,
    )


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 10, ""),
        ([0, 1, 2, 3, 4, 5, 6, 7], 10, "▁▂▃▄▅▆▇█"),
        ([0, 0, 0], 10, "▁▁▁"),
        ([5], 10, "█"),
        ([1, 1, 9, 1, 1, 1], 3, "▂█▂"),
        (list(range(1000)), 4, "▃▄▆█"),
    ],
)
def test_a_sparkline_has_a_bar_a_value_as_long_as_there_is_room(
    values: list[float], width: int, line: str
) -> None:
    assert sparkline(values, width) == line


def test_a_sparkline_stays_within_its_bounds() -> None:
    assert sparkline([-5, 0.5, 9], 10, bounds=(0, 1)) == "▁▅█"
    assert sparkline([1, 0.5, 1, 1], 2, bounds=(0.5, 1), pick=min) == "▁█"


def test_options_are_those_of_the_contract() -> None:
    assert options(**NOTHING, ignore_order=False) == CompareOptions()
    chosen = NOTHING | {
        "include": ["a.*"],
        "threshold": 0.0,
        "digits": 0,
        "types": [JsonType.NUMBER],
        "categories": ["money=account.*", "money=fees", "odd==="],
    }
    assert options(**chosen, ignore_order=True) == CompareOptions(
        include_paths=("a.*",),
        ignore_threshold=0.0,
        significant_digits=0,
        types=("number",),
        ignore_order=True,
        categories={"money": ("account.*", "fees"), "odd": ("==",)},
    )


@pytest.mark.parametrize("wrong", ["money", "Money=a", "=a"])
def test_a_category_is_a_name_and_a_pattern(wrong: str) -> None:
    with pytest.raises(UsageFault):
        options(**NOTHING | {"categories": [wrong]}, ignore_order=False)


def test_a_unified_diff_keeps_its_lines() -> None:
    text = "--- a@1\t2026\n+++ a@2\n@@ -1 +1 @@\n-" + "x" * 150 + "\n+[bold]y[/bold]\n"
    lines = [line.plain for line in diffs.unified(text)]
    assert lines[0] == "--- a@1 2026"
    assert lines[2] == "@@ -1 +1 @@"
    assert lines[3] == "-" + "x" * 150
    assert lines[4] == "+[bold]y[/bold]"
    assert [line.plain for line in diffs.unified("")] == ["  nothing changed"]


def test_runs_that_never_part_are_the_same() -> None:
    reply = CompareDivergenceReply(positions=None, changes=[], aligned=1200)
    assert printed(divergences.divergence(reply, ("a", "b"), 100)) == [
        "the same: 1,200 events, and every state at them"
    ]


def test_where_runs_part_is_told_with_event_changes_and_what_comes_behind() -> None:
    reply = CompareDivergenceReply(
        positions=(at("x", 4), at("y", 5)),
        changes=[],
        kind="extra_in_b",
        aligned=5,
        events=(None, event("y", 5, decision="wait")),
        states=StatesPart(
            positions=(at("x", 9), at("y", 10)),
            changes=[Change(path="health", op="modified", old=1, new=2)],
        ),
        further=[FurtherDivergence(kind="different_event", event_indexes=(20, 21), events=(1, 2))],
        complete=False,
    )
    assert printed(divergences.divergence(reply, ("x", "y"), 100)) == [
        "they part after 5 events in common: y has an event that x has not",
        "  x  after event 4  2026-11-23 08:00:00.000Z",
        "  y  after event 5  2026-11-23 08:00:00.000Z",
        "  + y #5  08:00:00.000  decision_made  decision wait",
        "",
        "their states part at",
        "  x  after event 9  2026-11-23 08:00:00.000Z",
        "  y  after event 10  2026-11-23 08:00:00.000Z",
        "  ~ health  1 → 2",
        "",
        "behind it their events differ again",
        "  at #20 and #21: 1 against 2 events",
        "  … not looked through to the end",
    ]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("extra_in_a", "x has an event that y has not"),
        ("different_event", "another event"),
        ("different_state", "the same events, another state"),
    ],
)
def test_each_kind_of_divergence_is_said_in_words(kind: Any, said: str) -> None:
    changes = [Change(path=f"k{n}", op="added", new=n) for n in range(30)]
    place = (at("x", 1), at("y", 1))
    reply = CompareDivergenceReply(positions=place, changes=changes, kind=kind, aligned=1)
    lines = printed(divergences.divergence(reply, ("x", "y"), 100))
    assert lines[0] == f"they part after 1 event in common: {said}"
    assert "  … 10 more changes: -o json" in lines


def series(**more: Any) -> ComparePatternsReply:
    fields: dict[str, Any] = {
        "comparisons": 4,
        "volatile_fields": [("health", 4), ("position.x", 1), *((f"f{n}", 1) for n in range(12))],
        "category_trends": {
            "value": CategoryTrend(
                direction="increasing", p_value=0.01, tau=1, values=[1, 2, 3, 4]
            ),
            "size": CategoryTrend(direction="stable", p_value=1, tau=0, values=[0, 0, 0, 0]),
        },
        "similarity_trend": SimilarityTrend(direction="unknown", values=[1, 0.9, 0.5, 0.9]),
        "change_frequency": ChangeFrequency(changes=10, seconds=60, per_minute=10),
        "anomalies": [
            Anomaly(
                kind="path",
                from_=at("x", 1),
                position=at("x", 2),
                score=5.2,
                reason="secret changed, for the first time in 40 comparisons",
                path="secret",
            )
        ],
    }
    return ComparePatternsReply(**fields | more)


def test_patterns_are_told_in_lines_and_bars() -> None:
    lines = printed(trends.patterns(series(), "x", 100))
    assert lines[0] == "x  4 comparisons  10 changes, 10 a minute"
    assert any("similarity" in line and "█" in line and "too few" in line for line in lines)
    assert any("value" in line and "▃▅▆█" in line and "↗ increasing" in line for line in lines)
    assert not any(line.startswith("size") for line in lines)
    assert any(line.startswith("health") and line.endswith("█" * 20) for line in lines)
    assert "… 2 more: -o json" in lines
    assert lines[-2] == "! x  after event 2  2026-11-23 08:00:00.000Z"
    assert lines[-1] == "  secret changed, for the first time in 40 comparisons  5.2 bits"


def test_patterns_of_little_say_little() -> None:
    nothing = series(comparisons=0, volatile_fields=[], anomalies=[], category_trends={})
    assert printed(trends.patterns(nothing, "x", 100)) == [
        "x has no two snapshots there to compare."
    ]
    few = series(
        volatile_fields=[],
        anomalies=[],
        change_frequency=ChangeFrequency(changes=3, seconds=0),
    )
    lines = printed(trends.patterns(few, "x", 100))
    assert lines[0] == "x  4 comparisons  3 changes"
    assert not any("stands out" in line or "changed most" in line for line in lines)


def test_only_what_stands_out_most_is_listed() -> None:
    (one,) = series().anomalies
    many = [one.model_copy(update={"score": float(n)}) for n in range(20)]
    lines = printed(trends.patterns(series(anomalies=many), "x", 200))
    assert lines[-1] == "… 8 more: -o json"
