"""What a navigator counts: for Prometheus, and for whoever asks it as a NATS service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
)

from stratoscope.navigator.holding.metrics import HoldMetrics
from stratoscope.navigator.live.metrics import LiveMetrics
from stratoscope.navigator.reply_guard import Asked
from stratoscope.navigator.shares import Kind, Limit, Rate
from stratoscope.navigator.sweeper import SweepMetrics
from stratoscope.navigator.tracing import tell_request
from stratoscope.telemetry.traces import Traces
from stratoscope_contracts.sessions import SessionState
from stratoscope_contracts.version import __version__

# The label of every verb that the contract does not know, so that strangers make no series.
UNKNOWN = "unknown"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
# A state takes nine at most: see `domain.delta`.
_BLOBS = range(1, 10)


@dataclass(slots=True)
class Tally:
    """What became of the requests for one verb."""

    requests: int = 0
    errors: int = 0
    nanoseconds: int = 0
    last_error: str = ""


class ShareMetrics:
    """Refusals and waits at the shares of spaces and clients."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refused = Counter(
            "strato_navigator_over_limit",
            "Requests refused, by the limit that they met.",
            ["limit"],
            registry=registry,
        )
        self._waits = Histogram(
            "strato_navigator_share_wait_seconds",
            "Time that a request waited for its space's share, where it had to.",
            ["kind"],
            buckets=_SECONDS,
            registry=registry,
        )
        for kind in get_args(Kind):
            self._waits.labels(kind)
        # Kept, since a flood is refused often.
        limits = ("client", "request_bytes", *get_args(Rate), *get_args(Kind))
        self._refusals = {limit: self._refused.labels(limit) for limit in limits}

    def refuse(self, limit: Limit) -> None:
        """Count a refusal."""
        self._refusals[limit].inc()

    def wait(self, kind: Kind, seconds: float) -> None:
        """Count a wait for a slot."""
        self._waits.labels(kind).observe(seconds)


class Metrics:
    """The navigator's counts, in a registry of their own."""

    def __init__(self, verbs: Iterable[str], traces: Traces | None = None) -> None:
        self._traces = traces
        self.registry = CollectorRegistry()
        self.tallies = {verb: Tally() for verb in verbs}
        self._requests = Counter(
            "strato_navigator_requests",
            "Requests answered.",
            ["verb", "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "strato_navigator_request_seconds",
            "Time from a request to its reply.",
            ["verb"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._rebuilt = Histogram(
            "strato_navigator_rebuilt_state_blobs",
            "Blobs that a state was rebuilt from.",
            buckets=_BLOBS,
            registry=self.registry,
        )
        self._sessions = Gauge(
            "strato_navigator_sessions",
            "Sessions of operators.",
            ["state"],
            registry=self.registry,
        )
        self._refused = Counter(
            "strato_navigator_refused_replies",
            "Messages refused for their reply subject.",
            ["asked"],
            registry=self.registry,
        )
        # A series that begins with its first one never rose, as Prometheus sees it.
        for asked in get_args(Asked):
            self._refused.labels(asked)
        # Verbs and codes are few; a series is looked up once.
        self._counts = lru_cache(None)(self._series)
        self.shares = ShareMetrics(self.registry)
        ProcessCollector(registry=self.registry)
        self.holds = HoldMetrics(self.registry)
        self.live = LiveMetrics(self.registry)
        self.sweeps = SweepMetrics(self.registry)
        Info("strato_navigator_build", "This build.", registry=self.registry).info(
            {"version": __version__}
        )

    def _series(self, verb: str, code: str) -> tuple[Counter, Histogram]:
        return self._requests.labels(verb, code), self._seconds.labels(verb)

    def answered(self, verb: str, code: str | None, nanoseconds: int) -> None:
        """Count a reply; `code` is None where it is no error."""
        if self._traces is not None:
            tell_request(self._traces, verb, code, nanoseconds)
        counter, seconds = self._counts(verb, code or "ok")
        counter.inc()
        seconds.observe(nanoseconds / 1e9)
        tally = self.tallies.get(verb)
        if tally is None:
            return
        tally.requests += 1
        tally.nanoseconds += nanoseconds
        if code is not None:
            tally.errors += 1
            # Without its message, which tells of a space: operators of all spaces read this.
            tally.last_error = code

    def refused(self, asked: Asked) -> None:
        """Count a message that was refused for its reply subject."""
        self._refused.labels(asked).inc()

    def rebuilt(self, blobs: int) -> None:
        """Count a state that was rebuilt from so many blobs."""
        self._rebuilt.observe(blobs)

    def sessions(self, counts: Mapping[str, int]) -> None:
        """Say how many sessions there are in each state."""
        for state in get_args(SessionState):
            self._sessions.labels(state).set(counts.get(state, 0))
