"""How a state changes over a run: sparklines, trends, and what stands out."""

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stratoscope.cli.gist import harmless
from stratoscope.cli.rendering import DIM, columns, position
from stratoscope.cli.sparklines import sparkline
from stratoscope_contracts.comparing import (
    Anomaly,
    ChangeFrequency,
    ComparePatternsReply,
    Trend,
    TrendDirection,
)

_FIELDS: Final = 12
_ANOMALIES: Final = 12
_BAR: Final = 20
_ARROWS: Final[dict[TrendDirection, tuple[str, str]]] = {
    "increasing": ("↗ increasing", "yellow"),
    "decreasing": ("↘ decreasing", "cyan"),
    "stable": ("→ stable", "green"),
    "unknown": ("  too few to tell", "dim"),
}


def patterns(reply: ComparePatternsReply, agent: str, width: int) -> RenderableType:
    """All that a run's comparisons have in common."""
    if not reply.comparisons:
        return Text(f"{agent} has no two snapshots there to compare.", style=DIM)
    return Group(
        Text.assemble(
            (agent, "bold"),
            f"  {reply.comparisons:,} comparison{'s' * (reply.comparisons != 1)}  ",
            (_frequency(reply.change_frequency), DIM),
        ),
        _series(reply, max(10, min(60, width - 50))),
        *_volatile(reply),
        *_anomalies(reply),
    )


def _frequency(found: ChangeFrequency) -> str:
    if found.per_minute is None:
        return f"{found.changes:,} changes"
    return f"{found.changes:,} changes, {found.per_minute:,.3g} a minute"


def _series(reply: ComparePatternsReply, room: int) -> Table:
    values = reply.similarity_trend.values
    rows = [
        (
            Text("similarity"),
            # From the least on, since states are mostly alike; of neighbours the least alike.
            Text(
                sparkline(values, room, bounds=(min(values) - 0.01, 1), pick=min), style="magenta"
            ),
            Text(f"{sum(values) / len(values):.3f}"),
            _trend(reply.similarity_trend),
        )
    ]
    for name, category in reply.category_trends.items():
        if any(category.values):
            rows.append(
                (
                    Text(harmless(name)),
                    Text(sparkline(category.values, room), style="blue"),
                    Text(f"{sum(category.values):,}"),
                    _trend(category),
                )
            )
    return columns(("", "over time", "mean, sum>", "trend"), rows)


def _trend(found: Trend) -> Text:
    arrow, style = _ARROWS[found.direction]
    sure = "" if found.p_value is None else f"  p {found.p_value:.2g}"
    return Text.assemble((arrow, style), (sure, DIM))


def _volatile(reply: ComparePatternsReply) -> Iterator[RenderableType]:
    if not reply.volatile_fields:
        return
    most = reply.volatile_fields[0][1]
    rows = [
        (
            Text(harmless(path) or "(the root)", style="bold"),
            Text(f"{count:,}"),
            Text("█" * max(1, round(_BAR * count / most)), style="blue"),
        )
        for path, count in reply.volatile_fields[:_FIELDS]
    ]
    yield Text("\nchanged most", style="bold")
    yield columns(("field", "times>", ""), rows, stretched=0)
    if len(reply.volatile_fields) > _FIELDS:
        yield Text(f"… {len(reply.volatile_fields) - _FIELDS} more: -o json", style=DIM)


def _anomalies(reply: ComparePatternsReply) -> Iterator[RenderableType]:
    if not reply.anomalies:
        return
    most = sorted(reply.anomalies, key=lambda one: -abs(one.score))[:_ANOMALIES]
    yield Text("\nstands out", style="bold")
    yield from (_anomaly(one) for one in sorted(most, key=lambda one: one.position.event_index))
    if len(reply.anomalies) > len(most):
        yield Text(f"… {len(reply.anomalies) - len(most)} more: -o json", style=DIM)


def _anomaly(found: Anomaly) -> Text:
    unit = "bits" if found.kind == "path" else "deviations"
    return Text.assemble(
        ("! ", "bold yellow"),
        position(found.position),
        f"\n  {harmless(found.reason)}",
        (f"  {found.score:.1f} {unit}", DIM),
    )
