"""Traces by OpenTelemetry's instrumentations, if the settings ask for them (extra `telemetry`).

What they are called and where they go is said in OpenTelemetry's own variables, such as
OTEL_SERVICE_NAME and OTEL_EXPORTER_OTLP_ENDPOINT.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.errors import CouldNotRun

UNTRACED = "health/live,metrics"  # they send no statement


def instrument(app: FastAPI) -> None:
    """Trace the app's requests. Raises CouldNotRun if a package is missing."""
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.instrumentation.sqlalchemy  # noqa: F401 (here is where it is missed)
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError as error:
        what = f"the package {error.name} is not installed"
        raise CouldNotRun(what, "this Python", "poetry install --all-extras") from None
    app.state.tracer_provider = TracerProvider()
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=app.state.tracer_provider,
        excluded_urls=UNTRACED,
        exclude_spans=["receive", "send"],
    )


@contextmanager
def exported(app: FastAPI, engines: Iterable[AsyncEngine]) -> Iterator[None]:
    """Send the traces of an instrumented app until the block ends, and trace its statements too."""
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
        skip_dep_check=True,  # it asks for SQLAlchemy < 2.1, and works with it
    )
    try:
        yield
    finally:
        statements.uninstrument()
        provider.shutdown()
