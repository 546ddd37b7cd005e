"""If the settings say so, the service sends traces to the collector in OTEL_ variables."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.extras import find_extras
from orm_async_tests.service.settings import PREFIX
from tests.service.service_process import run_service


class Collector(ThreadingHTTPServer):
    """An OTLP collector that receives spans over HTTP and stores them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Export)
        self.spans: list[Span] = []


class Export(BaseHTTPRequestHandler):
    """A request with a batch of spans."""

    def do_POST(self) -> None:
        """Store the spans."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Collector)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no access log."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A running collector."""
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def trace_request(collector: Collector, url: URL, telemetry: str) -> list[Span]:
    """List the users of a service in another process, and return the spans of its traces.

    In this process, the SDK would start a thread after every fork, even before PostgreSQL starts.
    """
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    variables = {f"{PREFIX}TELEMETRY": telemetry, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    with run_service(url, **variables) as service:
        httpx.get(f"{service.url}/users").raise_for_status()
    return collector.spans


def test_a_request_and_its_statements_are_one_trace(
    tables: db.Database, collector: Collector
) -> None:
    spans = trace_request(collector, tables.url, "true")
    requests = {span.trace_id: span.name for span in spans if span.kind == Span.SPAN_KIND_SERVER}
    statements = [span for span in spans if span.name.startswith("SELECT")]
    assert requests.keys() >= {span.trace_id for span in statements}
    assert "GET /users" in {requests[span.trace_id] for span in statements}


@pytest.mark.thorough
def test_nothing_is_traced_by_default(tables: db.Database, collector: Collector) -> None:
    assert trace_request(collector, tables.url, "false") == []


def test_the_packages_of_the_extra_are_named_if_they_are_missing() -> None:
    assert find_extras("opentelemetry") == ["telemetry"]
