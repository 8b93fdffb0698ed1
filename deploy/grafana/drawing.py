"""What dashboards are made of, and how Grafana reads them.

A dashboard is a list of panels, laid out from left to right in rows of twenty-four columns; a
panel is a title, a unit of Grafana's and what it shows, each expression with its legend.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Json = dict[str, Any]
DATASOURCE: Final = {"type": "prometheus", "uid": "stratoscope-prometheus"}
_COLUMNS: Final = 24
RATE: Final = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Panel:
    """What is shown: by default its course, as a `stat` its newest value alone."""

    title: str
    unit: str
    shows: Sequence[tuple[str, str]]
    about: str = ""
    kind: Literal["timeseries", "stat"] = "timeseries"
    # From which value on it is amber, and from which red.
    thresholds: tuple[float, float] | None = None
    # Red below, where less is worse.
    at_least: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the grid."""
        return (6, 4) if self.kind == "stat" else (8, 8)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page; its uid never changes, since people link to it."""

    uid: str
    title: str
    about: str
    panels: Sequence[Panel]


def stat(
    title: str,
    unit: str,
    expression: str,
    about: str = "",
    thresholds: tuple[float, float] | None = None,
    at_least: float | None = None,
) -> Panel:
    """A number."""
    return Panel(title, unit, [(expression, "")], about, "stat", thresholds, at_least)


def rate(metric: str, by: str = "", selector: str = "") -> str:
    """How fast a counter rises, added up over all but some labels."""
    over = f" by ({by})" if by else ""
    return f"sum{over} (rate({metric}{selector}[{RATE}]))"


def quantile(of: float, metric: str, by: str = "") -> str:
    """A quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({of}, {rate(f'{metric}_bucket', labels)})"


def quantiles(metric: str) -> list[tuple[str, str]]:
    """The middle, and what one of a hundred is over."""
    return [(quantile(0.5, metric), "p50"), (quantile(0.99, metric), "p99")]


def rendered(dashboard: Dashboard) -> Json:
    """A dashboard as Grafana reads it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["stratoscope"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "timezone": "utc",
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [
            {
                "type": "dashboards",
                "title": "Stratoscope",
                "tags": ["stratoscope"],
                "asDropdown": True,
                "includeVars": False,
                "keepTime": True,
            }
        ],
        "panels": list(_panels(dashboard.panels)),
    }


def _panels(panels: Sequence[Panel]) -> Iterator[Json]:
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        width, tall = panel.size
        if x + width > _COLUMNS or (height and tall != height):
            x, y = 0, y + height
        height = tall
        yield _panel(number, panel, {"x": x, "y": y, "w": width, "h": tall})
        x += width


def _panel(number: int, panel: Panel, place: Json) -> Json:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
                "range": panel.kind == "timeseries",
                "instant": panel.kind == "stat",
            }
            for place, (expression, legend) in enumerate(panel.shows)
        ],
    }


def _field(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.thresholds:
        amber, red = panel.thresholds
        steps += [{"color": "orange", "value": amber}, {"color": "red", "value": red}]
    if panel.at_least is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.at_least}]
    found: Json = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.kind == "timeseries":
        found["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 10,
            "showPoints": "never",
            "axisSoftMin": 0,
        }
    return found


def _options(panel: Panel) -> Json:
    if panel.kind == "stat":
        return {
            "colorMode": "value",
            "graphMode": "none",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def spelled(dashboard: Dashboard) -> str:
    """A dashboard's file."""
    return json.dumps(rendered(dashboard), indent=2) + "\n"
