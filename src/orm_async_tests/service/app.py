"""Creates the service's FastAPI application, with its engines."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy import URL

from orm_async_tests.service import bulk, health, live, points, problems, telemetry, tracks, users
from orm_async_tests.service.engines import make_listening_engine, service_urls
from orm_async_tests.service.headers import HeaderChecks
from orm_async_tests.service.request_limits import Bodies, Limits
from orm_async_tests.service.sessions import FairPool, FairSemaphore
from orm_async_tests.service.settings import Settings
from orm_async_tests.service.state import ServiceState, state_of

DISCONNECT_TIMEOUT = 3.0  # seconds, because a database server that hangs ends no connection


def create_app(url: URL, settings: Settings | None = None) -> FastAPI:
    """Return the application. The application's database must already have all migrations.

    Raise CouldNotRun if two settings contradict each other.
    """
    settings = settings or Settings()
    urls = service_urls(url, settings)
    reads = FairSemaphore(settings.reads, settings.pool_timeout)
    primary = standby = FairPool(urls.writing, settings, reads)
    if urls.reading != urls.writing:
        standby = FairPool(urls.reading, settings, reads)
    engines = list({primary.engine, standby.engine})
    app = FastAPI(title="orm_async_tests", version="0.1.0", lifespan=lifespan)
    state = app.state.service = ServiceState(
        settings=settings,
        hub=live.Hub(),
        bodies=Bodies(settings),
        running=Counter(),
        primary=primary,
        standby=standby,
        engines=engines,
        listening=make_listening_engine(urls.listening),
        metrics=health.make_metrics(engines),
    )
    app.add_middleware(Limits, settings=settings, bodies=state.bodies, running=state.running)
    hosts = [host.strip() for host in settings.hosts.split(",")]
    app.add_middleware(HeaderChecks, hosts=hosts)
    problems.add_handlers(app)
    for module in (users, points, bulk, tracks, live, health):
        app.include_router(module.router)
    if settings.telemetry:
        state.end_traces = telemetry.record_traces(app, state.engines)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    state = state_of(app)
    listener = asyncio.create_task(state.hub.listen(state.listening))
    try:
        yield {  # for connection.Connection
            "send_timeout": state.settings.send_timeout,
            "receive_timeout": state.settings.receive_timeout,
            "shutdown_callbacks": (state.hub.close, state.bodies.stop),
        }
    finally:
        listener.cancel()
        closing = (engine.dispose() for engine in (*state.engines, state.listening))
        tasks = [listener, *map(asyncio.create_task, closing)]
        await asyncio.wait(tasks, timeout=DISCONNECT_TIMEOUT)
        state.end_traces()
