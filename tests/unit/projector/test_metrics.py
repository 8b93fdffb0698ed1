"""What a projector counts, a batch at a time."""

from uuid import uuid4

from stratoscope.domain.records import VERSION_COLUMNS, Batch, Rejection
from stratoscope.projector.metrics import Metrics
from stratoscope.store.leases import Held


def version(**given: object) -> tuple[object, ...]:
    return tuple((dict.fromkeys(VERSION_COLUMNS) | given)[name] for name in VERSION_COLUMNS)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"strato_projector_{name}", labels)


def held(*partitions: int) -> list[Held]:
    return [Held(partition, 1, 100 + partition, 0, None) for partition in partitions]


def test_a_batch_is_counted_by_kind_and_outcome() -> None:
    metrics = Metrics()
    metrics.committed(
        [],
        Batch(
            events=[(), (), ()],
            versions=[
                version(snapshot_id=uuid4(), size=100, blob=b"x" * 40),
                version(size=100, blob=b"x" * 5),
                version(size=110, blob=b"x" * 5),
            ],
            duplicates=["event", "snapshot", "snapshot"],
            rejections=[Rejection(1, None, "not_json", "")],
        ),
    )
    records = {
        (kind, outcome): value(metrics, "records_total", kind=kind, outcome=outcome)
        for kind in ("event", "snapshot", "patch")
        for outcome in ("taken", "duplicate")
    }
    assert records == {
        ("event", "taken"): 3,
        ("event", "duplicate"): 1,
        ("snapshot", "taken"): 1,
        ("snapshot", "duplicate"): 2,
        ("patch", "taken"): 2,
        ("patch", "duplicate"): None,
    }
    assert value(metrics, "state_raw_bytes_total") == 310
    assert value(metrics, "state_stored_bytes_total") == 50
    assert value(metrics, "dead_letters_total", reason="not_json") == 1


def test_every_series_of_a_counter_is_there_from_the_beginning() -> None:
    metrics = Metrics()
    assert value(metrics, "dead_letters_total", reason="patch_conflict") == 0
    assert value(metrics, "records_total", kind="snapshot", outcome="duplicate") == 0
    assert value(metrics, "retention_dropped_total", kind="event") == 0


def test_a_partition_that_was_given_away_is_no_longer_shown() -> None:
    metrics = Metrics()
    metrics.checkpoint(held(1, 2))
    metrics.checkpoint(held(2))
    assert value(metrics, "checkpoint_stream_seq", partition="1") is None
    assert value(metrics, "checkpoint_stream_seq", partition="2") == 102
    assert value(metrics, "partitions_held") == 1
