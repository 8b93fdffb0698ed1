"""The spans of a batch, as they are told."""

from datetime import UTC, datetime

import pytest

from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import Batch
from stratoscope.projector.tracing import Batches
from stratoscope.telemetry.traces import Span

SPAN = "00f067aa0ba902b7"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Told:
    """What was told."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def tell(self, span: Span) -> None:
        self.spans.append(span)


def message(stream_seq: int, trace: int | None) -> Delivered:
    headers = None if trace is None else {"traceparent": f"00-{trace:032x}-{SPAN}-01"}
    return Delivered(stream_seq, NOW, "strato.default.part.0.a.event", headers, b"{}")


def test_a_batch_is_linked_to_each_trace_once_and_to_so_many_at_most() -> None:
    told = Told()
    messages = [message(1, None), message(2, 7), message(3, 7), message(4, 9)]
    Batches(told).begin(messages).end(Batch())
    Batches(told).begin([message(n, n) for n in range(1, 4001)]).end(Batch())
    few, many = told.spans
    assert [int(parent.trace_id, 16) for parent in few.parents] == [7, 9]
    assert [int(parent.trace_id, 16) for parent in many.parents] == [*range(1, 33)]


def test_a_batch_says_where_it_stands_in_the_log() -> None:
    told = Told()
    batch = Batches(told).begin([message(5, None), message(9, None)])
    with batch.stage("gather"):
        pass
    batch.end(Batch())
    (span,) = told.spans
    assert span.attributes["stratoscope.messages"] == 2
    assert span.attributes["stratoscope.first_stream_seq"] == 5
    assert span.attributes["stratoscope.last_stream_seq"] == 9
    assert [one.name for one in span.within] == ["gather"]


def test_a_batch_that_fails_is_told_with_the_stage_that_did() -> None:
    told = Told()
    batch = Batches(told).begin([message(1, None)])
    with batch.stage("gather"):
        pass
    with pytest.raises(ConnectionError), batch.stage("commit"):
        raise ConnectionError
    (span,) = told.spans
    assert span.error == "ConnectionError"
    assert [(one.name, one.error) for one in span.within] == [
        ("gather", ""),
        ("commit", "ConnectionError"),
    ]


def test_where_nobody_is_told_nothing_is_kept() -> None:
    batch = Batches(None).begin([message(1, 7)])
    assert batch is Batches(None).begin([message(2, 7)])
    with batch.stage("gather"):
        batch.end(Batch())
