"""A collector of traces: what is sent to it over OTLP and HTTP, kept."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stratoscope.embedded.ports import LOOPBACK

_SERVICE = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    reason="OpenTelemetry is not installed: pip install 'stratoscope[otel]'",
)


class Collector:
    """The spans that came in."""

    def __init__(self, url: str) -> None:
        self.url = url
        # Each with the name of the service that sent it.
        self.spans: list[tuple[str, Any]] = []

    def named(self, name: str) -> list[Any]:
        """All spans of this name."""
        return [span for _, span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        """Keep what was sent."""
        sent = _SERVICE.ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            service = attributes(resource.resource)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [(service, span) for span in scope.spans]


def attributes(thing: Any) -> dict[str, Any]:
    """The attributes of a span or a resource."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in thing.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                collector.take(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        collector = Collector(f"http://{LOOPBACK}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
