"""Traces of what a service does, where somebody collects them: OpenTelemetry over HTTP.

A span is a value that says what was done and is told once it is over: nothing is held open on the
way, and where no endpoint is set nobody makes one, and nothing of OpenTelemetry is imported. It is
sent from a thread of the SDK's; what a collector does not take in time is dropped, and the service
goes on.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

import structlog

from stratoscope.telemetry.parents import Parent
from stratoscope_contracts.version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

Kind = Literal["server", "consumer", "producer", "internal"]
_PATH: Final = "/v1/traces"
# OpenTelemetry's own names for an endpoint, which its exporter reads.
_NAMES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_SEND_SECONDS: Final = 2.0
# Less than a supervisor waits before it kills.
_FINISH_SECONDS: Final = 2.5
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Span:
    """What was done, from when until when, in nanoseconds since 1970.

    It belongs to the first of `parents`, and is linked to the others.
    """

    name: str
    kind: Kind
    started: int
    ended: int
    parents: Sequence[Parent] = ()
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    error: str = ""
    within: Sequence["Span"] = ()


class Traces(Protocol):
    """Where spans are told."""

    def tell(self, span: Span) -> None:
        """Pass on what is over; returns at once."""


@asynccontextmanager
async def tracing(service: str, endpoint: str | None) -> AsyncIterator[Traces | None]:
    """Where spans are told, None where nobody collects them; at the end what is left is sent."""
    if not endpoint and not any(os.environ.get(name) for name in _NAMES):
        yield None
        return
    try:
        traces = SentTraces(service, _exporter(endpoint))
    except ImportError as error:
        # Nobody is to go without a projector because nobody sees its traces.
        log.warning("no traces: pip install 'stratoscope[otel]'", error=str(error))
        yield None
        return
    try:
        yield traces
    finally:
        await asyncio.to_thread(traces.close)


def _exporter(endpoint: str | None) -> "SpanExporter":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    whole = None if not endpoint else endpoint.rstrip("/").removesuffix(_PATH) + _PATH
    return OTLPSpanExporter(endpoint=whole, timeout=_SEND_SECONDS)


class SentTraces:
    """Spans on their way to a collector."""

    def __init__(self, service: str, exporter: "SpanExporter") -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # What OTEL_RESOURCE_ATTRIBUTES and OTEL_TRACES_SAMPLER say, the SDK reads.
        named = {"service.name": f"stratoscope-{service}", "service.version": __version__}
        provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._sending = BatchSpanProcessor(exporter)
        provider.add_span_processor(self._sending)
        self._tracer = provider.get_tracer("stratoscope", __version__)

    def tell(self, span: Span) -> None:
        """Pass on what is over; returns at once."""
        contexts = [_context(parent) for parent in span.parents]
        self._tell(span, contexts[0] if contexts else None, contexts[1:])

    def close(self) -> None:
        """Send what is left, for as long as an end may take."""
        # A collector that does not answer is waited for in a thread that no exit waits for.
        ending = threading.Thread(target=self._sending.shutdown, daemon=True)
        ending.start()
        ending.join(_FINISH_SECONDS)

    def _tell(
        self, span: Span, parent: "SpanContext | None", links: Sequence["SpanContext"]
    ) -> None:
        from opentelemetry import trace
        from opentelemetry.context import Context

        empty = Context()
        within = (
            empty
            if parent is None
            else trace.set_span_in_context(trace.NonRecordingSpan(parent), empty)
        )
        told = self._tracer.start_span(
            span.name,
            context=within,
            kind=trace.SpanKind[span.kind.upper()],
            attributes=dict(span.attributes),
            links=[trace.Link(one) for one in links],
            start_time=span.started,
        )
        if span.error:
            told.set_status(trace.Status(trace.StatusCode.ERROR, span.error))
        for one in span.within:
            self._tell(one, told.get_span_context(), ())
        told.end(end_time=span.ended)


def _context(parent: Parent) -> "SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else 0),
    )
