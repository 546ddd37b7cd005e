"""Creates the FastAPI application, with its engines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from sqlalchemy import URL
from starlette.middleware.trustedhost import TrustedHostMiddleware

from orm_async_tests.service import bulk, health, live, points, problems, telemetry, tracks, users
from orm_async_tests.service.engines import make_listening_engine, service_urls
from orm_async_tests.service.sessions import FairPool, FairSemaphore
from orm_async_tests.service.settings import Settings


def create_app(url: URL, settings: Settings | None = None) -> FastAPI:
    """Return the application. The database must already have all migrations.

    Raise CouldNotRun if two settings contradict each other.
    """
    settings = settings or Settings()
    urls = service_urls(url, settings)
    app = FastAPI(
        title="orm_async_tests",
        version="0.1.0",
        lifespan=lifespan,
        max_body_size=settings.max_upload,
    )
    # A page of another site can send requests to a service on its visitor's machine. Such a page
    # names its own host, and cannot send the media types that the service accepts.
    hosts = settings.hosts.split(",")
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    problems.add_handlers(app)
    for module in (users, points, bulk, tracks, live, health):
        app.include_router(module.router)
    state, reads = app.state, FairSemaphore(settings.reads, settings.pool_timeout)
    state.settings, state.hub = settings, live.Hub()
    state.primary = state.standby = FairPool(urls.writing, settings, reads)
    if urls.reading != urls.writing:
        state.standby = FairPool(urls.reading, settings, reads)
    state.listening = make_listening_engine(urls.listening)
    state.engines = list({pool.engine for pool in (state.primary, state.standby)})
    state.metrics = health.make_metrics(state.engines)
    state.end_traces = lambda: None
    if settings.telemetry:
        state.end_traces = telemetry.record_traces(app, state.engines)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    state = app.state
    listener = asyncio.create_task(state.hub.listen(state.listening))
    try:
        yield {"hub": state.hub}  # for connection.Connection
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener
        for engine in (*state.engines, state.listening):
            await engine.dispose()
        state.end_traces()
