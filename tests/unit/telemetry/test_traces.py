"""Spans reach a collector as they were told, and cost nothing where there is none."""

import subprocess
import sys
from time import monotonic, time_ns

import pytest

from stratoscope.embedded.ports import LOOPBACK, free_port
from stratoscope.telemetry.parents import Parent
from stratoscope.telemetry.traces import Span, tracing
from support.collector import attributes, collecting

ONE = Parent("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True)
OTHER = Parent("5bf92f3577b34da6a3ce929d0e0e4736", "10f067aa0ba902b7", True)
UNSAMPLED = Parent("6bf92f3577b34da6a3ce929d0e0e4736", "20f067aa0ba902b7", False)
# Both processes with all that they import.
FREE = """
import asyncio, sys
import stratoscope.navigator.app, stratoscope.projector.app
from stratoscope.telemetry.traces import tracing

async def main():
    async with tracing("projector", None) as traces:
        assert traces is None

asyncio.run(main())
# What FastStream looks for is `opentelemetry.semconv`, a list of names.
costly = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.trace")
assert not [name for name in sys.modules if name.startswith(costly)]
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def test_where_no_endpoint_is_set_nothing_of_opentelemetry_is_imported() -> None:
    subprocess.run([sys.executable, "-c", FREE], check=True, timeout=60)


async def test_a_span_arrives_with_its_parent_its_links_its_times_and_what_it_holds() -> None:
    now = time_ns()
    stage = Span("commit", "internal", now - 50, now - 10, error="Unstorable")
    span = Span(
        *("project a batch", "consumer", now - 100, now),
        parents=(ONE, OTHER),
        attributes={"stratoscope.messages": 3},
        within=(stage,),
    )
    with collecting() as collector:
        async with tracing("projector", collector.url) as traces:
            assert traces is not None
            traces.tell(span)
        assert {service for service, _ in collector.spans} == {"stratoscope-projector"}
    (batch,) = collector.named("project a batch")
    (commit,) = collector.named("commit")
    assert (batch.trace_id.hex(), batch.parent_span_id.hex()) == (ONE.trace_id, ONE.span_id)
    assert [one.trace_id.hex() for one in batch.links] == [OTHER.trace_id]
    assert (batch.start_time_unix_nano, batch.end_time_unix_nano) == (now - 100, now)
    assert attributes(batch) == {"stratoscope.messages": 3}
    assert (commit.trace_id, commit.parent_span_id) == (batch.trace_id, batch.span_id)
    assert commit.status.message == "Unstorable"


async def test_what_has_no_parent_begins_a_trace_of_its_own() -> None:
    now = time_ns()
    with collecting() as collector:
        async with tracing("navigator", f"{collector.url}/") as traces:
            assert traces is not None
            traces.tell(Span("stats", "server", now, now))
    (span,) = collector.named("stats")
    assert any(span.trace_id)
    assert not span.parent_span_id


async def test_a_requester_that_does_not_sample_its_trace_is_followed_in_that() -> None:
    now = time_ns()
    with collecting() as collector:
        async with tracing("navigator", collector.url) as traces:
            assert traces is not None
            traces.tell(Span("stats", "server", now, now, parents=(UNSAMPLED,)))
    assert collector.spans == []


async def test_the_endpoint_may_be_named_as_opentelemetry_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time_ns()
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with tracing("navigator", None) as traces:
            assert traces is not None
            traces.tell(Span("stats", "server", now, now))
    assert len(collector.spans) == 1


async def test_a_collector_that_is_not_there_costs_spans_and_a_bounded_time() -> None:
    now = time_ns()
    async with tracing("navigator", f"http://{LOOPBACK}:{free_port()}") as traces:
        assert traces is not None
        started = monotonic()
        traces.tell(Span("stats", "server", now, now))
        assert monotonic() - started < 0.5
        ended = monotonic()
    assert monotonic() - ended < 4


async def test_a_package_that_is_missing_is_a_warning_and_no_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    async with tracing("navigator", "http://collector:4318") as traces:
        assert traces is None
    assert "stratoscope[otel]" in capsys.readouterr().out
