"""Traces go where OpenTelemetry's variables say, and only if they are asked for."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from orm_async_tests import db
from orm_async_tests.service.app import create_app
from orm_async_tests.service.settings import Settings
from tests.service.conftest import served


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
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Span]]:
    """What a collector is sent, which OpenTelemetry's variables name."""
    with Collector() as collector:
        port = collector.server_port
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector.spans
        collector.shutdown()
        thread.join()


def test_a_request_and_its_statements_are_one_trace(tables: db.Database, spans: list[Span]) -> None:
    for _ in range(2):  # the second service of a process is traced as the first one is
        spans.clear()
        with served(create_app(tables.url, Settings(telemetry=True))) as client:
            client.get("/users", params={"limit": 7})
            client.get("/health/live")

        [request] = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER]
        statements = [span for span in spans if span.name.startswith("SELECT")]
        assert request.name == "GET /users"
        assert statements
        assert {span.trace_id for span in statements} == {request.trace_id}


def test_nothing_is_traced_by_default(tables: db.Database, spans: list[Span]) -> None:
    with served(create_app(tables.url, Settings())) as client:
        client.get("/users")
    assert spans == []
