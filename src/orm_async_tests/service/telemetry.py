"""Records traces with OpenTelemetry, from the extra `telemetry`. The environment variables OTEL_...
configure OpenTelemetry.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.errors import CouldNotRun, install_extra

UNTRACED = "health/live,metrics"  # these paths execute no statement


def instrument(app: FastAPI) -> None:
    """Record a trace of every request to an application. Raise CouldNotRun if a package of
    OpenTelemetry is missing.
    """
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.instrumentation.sqlalchemy  # noqa: F401 (fail here if missing)
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError as error:
        problem = f"the package {error.name} is not installed"
        raise CouldNotRun(problem, "this Python", install_extra("telemetry")) from None
    app.state.tracer_provider = TracerProvider()
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=app.state.tracer_provider,
        excluded_urls=UNTRACED,
        exclude_spans=["receive", "send"],
    )


@contextmanager
def export_traces(app: FastAPI, engines: Iterable[AsyncEngine]) -> Iterator[None]:
    """While the block runs, trace also the SQL statements, and send the traces of an instrumented
    application.
    """
    if not hasattr(app.state, "tracer_provider"):
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider, statements = app.state.tracer_provider, SQLAlchemyInstrumentor()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    statements.instrument(
        engines=[engine.sync_engine for engine in engines],
        tracer_provider=provider,
        skip_dep_check=True,  # it declares SQLAlchemy < 2.1, but works with 2.1
    )
    try:
        yield
    finally:
        statements.uninstrument()
        provider.shutdown()
