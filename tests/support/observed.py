"""What watches over a deployment, as its files have it: metrics, dashboards, rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import yaml

from support.pages import ROOT, table

Json = dict[str, Any]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
# Of Prometheus itself, and of the process, by its client's library.
_OTHERS = {"up", "ALERTS", "process_open_fds", "process_max_fds", "process_start_time_seconds"}
_OTHERS |= {"process_cpu_seconds_total", "process_resident_memory_bytes"}
_SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
    "info": ("_info",),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A row of the page of metrics."""

    name: str
    kind: str
    labels: frozenset[str]

    @property
    def series(self) -> tuple[str, ...]:
        """The names that Prometheus knows it by."""
        return tuple(self.name + suffix for suffix in _SUFFIXES[self.kind])


@cache
def metrics(heading: str) -> tuple[Metric, ...]:
    """The metrics of a service, by the heading of its table."""
    return tuple(
        Metric(name, kind, frozenset(filter(None, labels.replace(",", " ").split())))
        for name, kind, labels, *_ in table("docs/metrics.md", heading)
    )


def both() -> tuple[Metric, ...]:
    """The metrics of both services."""
    return metrics("metric") + metrics("navigator's metric")


def known_series() -> dict[str, frozenset[str]]:
    """Every series that there is, with its labels."""
    always = frozenset({"job", "instance"})
    found = {name: always | {"alertname", "alertstate"} for name in _OTHERS}
    for metric in both():
        for name in metric.series:
            extra = {"le"} if name.endswith("_bucket") else set()
            found[name] = always | metric.labels | extra
    return found


def dashboards() -> dict[str, Json]:
    """The dashboards by the names of their files."""
    return {
        path.stem: orjson.loads(path.read_bytes()) for path in GRAFANA.glob("dashboards/*.json")
    }


def shown() -> Iterator[tuple[str, str]]:
    """What every panel shows: where it stands, and its expression."""
    for name, dashboard in sorted(dashboards().items()):
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def alerts() -> dict[str, Json]:
    """The alerts by name."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in PROMETHEUS.glob("rules/*.yml")]
    return {
        rule["alert"]: rule for file in files for group in file["groups"] for rule in group["rules"]
    }
