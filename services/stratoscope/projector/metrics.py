"""What a projector tells Prometheus."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import Batch
from stratoscope.store.leases import Held

_SIZES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The projector's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._messages = Counter(
            "strato_projector_messages", "Messages taken from the log.", registry=registry
        )
        self._bytes = Counter(
            "strato_projector_message_bytes",
            "Bytes of messages taken from the log.",
            registry=registry,
        )
        self._records = Counter(
            "strato_projector_records", "Records projected.", ["kind"], registry=registry
        )
        self._dead = Counter(
            "strato_projector_dead_letters", "Messages refused.", ["reason"], registry=registry
        )
        self._batch = Histogram(
            "strato_projector_batch_messages",
            "Messages a batch.",
            buckets=_SIZES,
            registry=registry,
        )
        self._stages = Histogram(
            "strato_projector_stage_seconds",
            "Time of a stage of a batch.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._checkpoint = Gauge(
            "strato_projector_checkpoint_stream_seq",
            "Up to where a partition is projected.",
            ["partition"],
            registry=registry,
        )
        self._held = Gauge(
            "strato_projector_partitions_held", "Partitions leased.", registry=registry
        )
        self._restarts = Counter(
            "strato_projector_pipeline_restarts",
            "Starts again from the checkpoints.",
            ["reason"],
            registry=registry,
        )
        self._halted = Gauge(
            "strato_projector_halted",
            "1 where the log is not the one projected.",
            registry=registry,
        )

        self._dropped = Counter(
            "strato_projector_retention_dropped",
            "Rows that retention deleted.",
            ["kind"],
            registry=registry,
        )
        self._based = Counter(
            "strato_projector_bases",
            "Bases kept of agents whose records the log is about to lose.",
            registry=registry,
        )
        self._over = Gauge(
            "strato_projector_retention_held",
            "Agents that open sessions keep over their limits.",
            registry=registry,
        )

    def taken(self, delivered: Sequence[Delivered]) -> None:
        """Count messages that came in."""
        self._messages.inc(len(delivered))
        self._bytes.inc(sum(len(message.data) for message in delivered))
        self._batch.observe(len(delivered))

    def committed(self, delivered: Sequence[Delivered], batch: Batch) -> None:
        """Count what a batch became."""
        self._records.labels("event").inc(len(batch.events))
        self._records.labels("state_version").inc(len(batch.versions))
        for rejection in batch.rejections:
            self._dead.labels(rejection.reason).inc()

    def checkpoint(self, held: Sequence[Held]) -> None:
        """Show how far each partition is."""
        self._held.set(len(held))
        for one in held:
            self._checkpoint.labels(one.partition).set(one.stream_seq)

    def restarted(self, reason: str) -> None:
        """Count a new start from the checkpoints."""
        self._restarts.labels(reason).inc()

    def halted(self, halted: bool) -> None:
        """The projector stands still until somebody looks, or goes on."""
        self._halted.set(halted)

    def dropped(self, events: int, versions: int) -> None:
        """Count rows that retention deleted."""
        self._dropped.labels("event").inc(events)
        self._dropped.labels("state_version").inc(versions)

    def based(self, count: int) -> None:
        """Count bases that were kept."""
        self._based.inc(count)

    def cleaned(self, held: int) -> None:
        """Retention went through all agents; open sessions keep so many over their limits."""
        self._over.set(held)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        started = perf_counter()
        yield
        self._stages.labels(name).observe(perf_counter() - started)
