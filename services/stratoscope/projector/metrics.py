"""What a projector tells Prometheus."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stratoscope.broker.payload import Reason
from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import VERSION_COLUMNS, Batch
from stratoscope.domain.verdicts import OVER_BUDGET, PATCH_CONFLICT, STATE_OVER_LIMIT
from stratoscope.projector.decode import BAD_SUBJECT, UNREADABLE
from stratoscope.projector.quarantine import KILLED_PROJECTOR, UNSTORABLE
from stratoscope.projector.standing import SILENCE_SECONDS, StandMetrics
from stratoscope.store.leases import Held
from stratoscope_contracts.version import __version__

_SIZE = VERSION_COLUMNS.index("size")
_BLOB = VERSION_COLUMNS.index("blob")
_SNAPSHOT_ID = VERSION_COLUMNS.index("snapshot_id")
_REASONS = (
    *(*Reason, BAD_SUBJECT, PATCH_CONFLICT, STATE_OVER_LIMIT, OVER_BUDGET),
    *(UNREADABLE, UNSTORABLE, KILLED_PROJECTOR),
)
_OUTCOMES = (
    *(("event", "taken"), ("event", "duplicate")),
    *(("snapshot", "taken"), ("snapshot", "duplicate")),
    ("patch", "taken"),
)

_SIZES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The projector's metrics, in a registry of their own."""

    def __init__(self, silence: float = SILENCE_SECONDS) -> None:
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
            "strato_projector_records",
            "Records that messages held.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._raw = Counter(
            "strato_projector_state_raw_bytes", "Bytes of states, spelled out.", registry=registry
        )
        self._stored = Counter(
            "strato_projector_state_stored_bytes",
            "Bytes that the same states take in the database.",
            registry=registry,
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
        self._checkpoints = _Checkpoints(registry)
        self._held = Gauge(
            "strato_projector_partitions_held", "Partitions leased.", registry=registry
        )
        self._apart = Gauge(
            "strato_projector_partitions_apart",
            "Partitions projected apart from the others, which do not wait for them.",
            registry=registry,
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
        self._begin()
        self.standing = StandMetrics(registry, silence)
        ProcessCollector(registry=registry)
        Info("strato_projector_build", "This build.", registry=registry).info(
            {"version": __version__}
        )

    def _begin(self) -> None:
        # A series that begins with its first one never rose, as Prometheus sees it.
        for kind, outcome in _OUTCOMES:
            self._records.labels(kind, outcome)
        for reason in _REASONS:
            self._dead.labels(reason)
        for kind in ("event", "state_version", "dead_letter"):
            self._dropped.labels(kind)

    def taken(self, delivered: Sequence[Delivered]) -> None:
        """Count messages that came in."""
        self._messages.inc(len(delivered))
        self._bytes.inc(sum(len(message.data) for message in delivered))
        self._batch.observe(len(delivered))

    def committed(self, delivered: Sequence[Delivered], batch: Batch) -> None:
        """Count what a batch became."""
        self._took(batch)
        for kind in batch.duplicates:
            self._records.labels(kind, "duplicate").inc()
        for rejection in batch.rejections:
            self._dead.labels(rejection.reason).inc()

    def _took(self, batch: Batch) -> None:
        # A step a batch, and one a state: nothing here is done for each event.
        versions = batch.versions
        snapshots = sum(row[_SNAPSHOT_ID] is not None for row in versions)
        self._records.labels("event", "taken").inc(len(batch.events))
        self._records.labels("snapshot", "taken").inc(snapshots)
        self._records.labels("patch", "taken").inc(len(versions) - snapshots)
        self._raw.inc(sum(row[_SIZE] for row in versions))
        self._stored.inc(sum(len(row[_BLOB]) for row in versions))

    def checkpoint(self, held: Sequence[Held]) -> None:
        """Show how far each partition is."""
        self.holds(len(held))
        self._checkpoints.held = held

    def holds(self, partitions: int) -> None:
        """Show how many partitions are leased."""
        self._held.set(partitions)

    def set_apart(self, partitions: int) -> None:
        """Show how many partitions are projected apart from the others."""
        self._apart.set(partitions)

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

    def removed_dead_letters(self, count: int) -> None:
        """Count dead letters that retention deleted."""
        self._dropped.labels("dead_letter").inc(count)

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


class _Checkpoints(Collector):
    """How far each partition that is held is projected.

    Spelled when somebody asks, since they all move with every batch. A partition that somebody else
    has now is not among them: what stayed here would look like a projection that hangs.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.held: Sequence[Held] = ()
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "strato_projector_checkpoint_stream_seq",
            "Up to where a partition is projected.",
            labels=["partition"],
        )
        for one in self.held:
            family.add_metric([str(one.partition)], one.stream_seq)
        yield family
