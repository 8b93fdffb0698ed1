"""What a navigator counts of holds and gates."""

from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Answer = Literal["go", "step", "held", "error"]
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1, 5)


class HoldMetrics:
    """Gates answered here; held agents as the database has them, the same in every replica."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = Counter(
            "strato_navigator_gate_answers",
            "Gates answered.",
            ["answer"],
            registry=registry,
        )
        self._seconds = Histogram(
            "strato_navigator_gate_seconds",
            "Time from an agent's question at its gate to the answer.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._held = Gauge(
            "strato_navigator_held_agents", "Agents that somebody holds.", registry=registry
        )
        self._waiting = Gauge(
            "strato_navigator_waiting_agents",
            "Of these, agents that wait at their gate.",
            registry=registry,
        )
        self._released = Counter(
            "strato_navigator_holds_released",
            "Holds released by themselves.",
            ["reason"],
            registry=registry,
        )

        # A series that begins with its first one never rose, as Prometheus sees it.
        for answer in get_args(Answer):
            self._answers.labels(answer)
        for reason in ("session", "max_hold"):
            self._released.labels(reason)

    def answered(self, answer: Answer, nanoseconds: int) -> None:
        """Count a gate's answer."""
        self._answers.labels(answer).inc()
        self._seconds.observe(nanoseconds / 1e9)

    def stand(self, held: int, waiting: int) -> None:
        """Say how many agents are held, and how many of them wait."""
        self._held.set(held)
        self._waiting.set(waiting)

    def released(self, *, too_long: bool) -> None:
        """Count a hold that ended by itself."""
        self._released.labels("max_hold" if too_long else "session").inc()
