"""What a navigator counts of breakpoints that it watches for."""

from datetime import timedelta
from typing import Final, Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stratoscope_contracts.breakpoints import Action

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1, 5)


class Evaluating(Protocol):
    """Who judges."""

    evaluations: int


class LiveMetrics:
    """Of the partitions that are watched here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._armed = Gauge(
            "strato_navigator_breakpoints_armed",
            "Breakpoints that are watched for here.",
            registry=registry,
        )
        self._watched = Gauge(
            "strato_navigator_partitions_watched",
            "Partitions watched for breakpoints here.",
            registry=registry,
        )
        self._busy = Gauge(
            "strato_navigator_partitions_in_turns",
            "Partitions of which breakpoints meet more than is judged at once.",
            registry=registry,
        )
        self._evaluations = Counter(
            "strato_navigator_breakpoint_evaluations",
            "Times that a breakpoint was judged at a record.",
            registry=registry,
        )
        self._hits = Counter(
            "strato_navigator_breakpoint_hits", "Hits found.", ["action"], registry=registry
        )
        self._errors = Counter(
            "strato_navigator_breakpoint_expression_errors",
            "Times that an expression of a breakpoint had to be stopped.",
            registry=registry,
        )
        self._gaps = Counter(
            "strato_navigator_breakpoint_gaps",
            "Stretches of the log that were read from the database, not having been told.",
            registry=registry,
        )
        self._dropped = Counter(
            "strato_navigator_breakpoint_hits_dropped",
            "Hits deleted from the database, having been published long ago.",
            registry=registry,
        )
        self._seconds = Histogram(
            "strato_navigator_breakpoint_hit_seconds",
            "Time from the record's being in the log to its hit being kept.",
            buckets=_SECONDS,
            registry=registry,
        )

        # A series that begins with its first one never rose, as Prometheus sees it.
        for action in get_args(Action):
            self._hits.labels(action)

    def stand(self, armed: int, watched: int, busy: int) -> None:
        """Say how much is watched, and of how many partitions work waits for its turn."""
        self._armed.set(armed)
        self._watched.set(watched)
        self._busy.set(busy)

    def evaluated(self, judge: Evaluating) -> None:
        """Count what was judged since the last time."""
        self._evaluations.inc(judge.evaluations)
        judge.evaluations = 0

    def hit(self, action: str, after: timedelta) -> None:
        """Count a hit, so long after its record."""
        self._hits.labels(action).inc()
        self._seconds.observe(max(after.total_seconds(), 0.0))

    def dropped(self, count: int) -> None:
        """Count hits that are old and deleted."""
        self._dropped.inc(count)

    def stopped(self) -> None:
        """Count an expression that had to be stopped."""
        self._errors.inc()

    def gap(self) -> None:
        """Count a stretch that was not told."""
        self._gaps.inc()
