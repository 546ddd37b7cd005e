"""Creates the FastAPI application, whose lifespan opens and disposes the engines."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from sqlalchemy import URL
from starlette.datastructures import State

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
from orm_async_tests.service.engines import Engines, service_urls
from orm_async_tests.service.headers import HeadAsGet, HeaderChecks
from orm_async_tests.service.request_limits import Bodies, Limits
from orm_async_tests.service.sessions import FairSemaphore, Reader, Sessions
from orm_async_tests.service.settings import Settings


def set_up_state(state: State, engines: Engines, settings: Settings) -> None:
    """Put the sessions and the readers for requests into the application's state. They wait in
    order for a connection.
    """
    capacity, timeout = settings.pool_size + settings.max_overflow, settings.pool_timeout
    pools = {engine: FairSemaphore(capacity, timeout) for engine in engines.pooled()}
    reads = FairSemaphore(settings.reads, timeout)
    state.writing = Sessions(engines.writing, pools[engines.writing])
    state.fresh_reader = Reader(engines.writing, reads, pools[engines.writing])
    state.reader = Reader(engines.reading, reads, pools[engines.reading])


def create_app(url: URL, settings: Settings | None = None) -> FastAPI:
    """Return the application that serves a database with all migrations.

    Raise CouldNotRun if two settings contradict each other.
    """
    settings = settings or Settings()
    urls, bodies = service_urls(url, settings), Bodies(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        engines = Engines(urls, settings)
        app.state.settings, app.state.engines = settings, engines
        set_up_state(app.state, engines, settings)
        app.state.metrics = health.make_metrics(engines)
        app.state.hub = live.Hub()
        listener = asyncio.create_task(app.state.hub.listen(engines.listening))
        try:
            with telemetry.export_traces(app, engines.pooled()):
                yield {  # for connection.Connection
                    "send_timeout": settings.send_timeout,
                    "receive_timeout": settings.receive_timeout,
                    "shutdown_callbacks": (app.state.hub.close, bodies.stop),
                }
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
            await engines.dispose()

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
