"""Creates the FastAPI application. The application's lifespan opens the engines, and disposes the
engines at the end.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from sqlalchemy import URL

from orm_async_tests.service import (
    bulk,
    health,
    live,
    points,
    problems,
    telemetry,
    tracks,
    users,
)
from orm_async_tests.service.engines import make_listening_engine, service_urls
from orm_async_tests.service.headers import HeadAsGet, HeaderChecks
from orm_async_tests.service.request_limits import Bodies, Limits
from orm_async_tests.service.sessions import FairPool, FairSemaphore
from orm_async_tests.service.settings import Settings


def create_app(url: URL, settings: Settings | None = None) -> FastAPI:
    """Return the application. The database must already have all migrations.

    Raise CouldNotRun if two settings contradict each other.
    """
    settings = settings or Settings()
    urls, bodies = service_urls(url, settings), Bodies(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        state, reads = app.state, FairSemaphore(settings.reads, settings.pool_timeout)
        state.settings, state.hub = settings, live.Hub()
        state.primary = state.standby = FairPool(urls.writing, settings, reads)
        engines = [state.primary.engine]
        if urls.reading != urls.writing:
            state.standby = FairPool(urls.reading, settings, reads)
            engines.append(state.standby.engine)
        state.metrics = health.make_metrics(engines)
        state.listening = make_listening_engine(urls.listening)
        listener = asyncio.create_task(state.hub.listen(state.listening))
        try:
            with telemetry.export_traces(app, engines):
                yield {  # for connection.Connection
                    "send_timeout": settings.send_timeout,
                    "receive_timeout": settings.receive_timeout,
                    "shutdown_callbacks": (state.hub.close, bodies.stop),
                }
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
            for engine in (*engines, state.listening):
                await engine.dispose()

    app = FastAPI(title="orm_async_tests", version="0.1.0", lifespan=lifespan)
    app.add_middleware(HeadAsGet)
    app.state.running = Counter[str]()
    app.add_middleware(Limits, settings=settings, bodies=bodies, running=app.state.running)
    hosts = [host.strip() for host in settings.hosts.split(",")]
    app.add_middleware(HeaderChecks, hosts=hosts)
    problems.add_handlers(app)
    for module in (users, points, bulk, tracks, live, health):
        app.include_router(module.router)
    if settings.telemetry:
        telemetry.instrument(app)
    return app
