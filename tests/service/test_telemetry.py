"""Traces go where OpenTelemetry's variables say, and only if they are asked for."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.service.settings import PREFIX
from tests.service.processes import serving


class Collector(ThreadingHTTPServer):
    """Keeps the spans that it is sent by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Export)
        self.spans: list[Span] = []


class Export(BaseHTTPRequestHandler):
    """A batch of spans."""

    def do_POST(self) -> None:
        """Keep them."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Collector)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    with Collector() as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def spans_of_a_request(collector: Collector, url: URL, telemetry: str) -> list[Span]:
    """What the collector is sent when the users have been listed, in a process of its own.

    The SDK starts a thread in each fork of a process: PostgreSQL could not be started there.
    """
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    variables = {f"{PREFIX}TELEMETRY": telemetry, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    with serving(url, **variables) as service:
        httpx.get(f"{service.url}/users").raise_for_status()
    return collector.spans


def test_a_request_and_its_statements_are_one_trace(
    tables: db.Database, collector: Collector
) -> None:
    spans = spans_of_a_request(collector, tables.url, "true")
    requests = {span.trace_id: span.name for span in spans if span.kind == Span.SPAN_KIND_SERVER}
    statements = [span for span in spans if span.name.startswith("SELECT")]
    assert requests.keys() >= {span.trace_id for span in statements}
    assert "GET /users" in {requests[span.trace_id] for span in statements}


def test_nothing_is_traced_unless_it_is_asked_for(
    tables: db.Database, collector: Collector
) -> None:
    assert spans_of_a_request(collector, tables.url, "false") == []
