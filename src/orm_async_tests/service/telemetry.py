"""Records traces with OpenTelemetry, which the extra `telemetry` installs.

Configure OpenTelemetry with its environment variables, whose names begin with `OTEL_`.
"""

from collections.abc import Callable, Iterable

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

UNTRACED = "health/live,metrics"  # these paths execute no statement


def record_traces(app: FastAPI, engines: Iterable[AsyncEngine]) -> Callable[[], None]:
    """Send a trace of every request, with its SQL statements.

    Return a function that sends the last traces at shutdown.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=provider, excluded_urls=UNTRACED, exclude_spans=["receive", "send"]
    )
    SQLAlchemyInstrumentor().instrument(
        engines=[engine.sync_engine for engine in engines],
        tracer_provider=provider,
        skip_dep_check=True,  # the package requires SQLAlchemy < 2.1, but works with 2.1
    )
    return provider.shutdown
