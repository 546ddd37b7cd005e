"""The application: its lifespan owns the engines, and disposes them."""

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
    stopping,
    telemetry,
    tracks,
    users,
)
from orm_async_tests.service.engines import Engines, service_urls
from orm_async_tests.service.headers import HeaderChecks
from orm_async_tests.service.limits import Bodies, Limits
from orm_async_tests.service.methods import Head
from orm_async_tests.service.reads import Reader
from orm_async_tests.service.sessions import Sessions
from orm_async_tests.service.settings import Settings
from orm_async_tests.service.turns import Turns


def connect(state: State, engines: Engines, settings: Settings) -> None:
    """Put into the state by what requests read and write, each in its turn."""
    capacity, patience = settings.pool_size + settings.max_overflow, settings.pool_timeout
    pools = {engine: Turns(capacity, patience) for engine in engines.pooled()}
    reads = Turns(settings.reads, patience)
    state.writing = Sessions(engines.writing, pools[engines.writing])
    state.reading = Sessions(engines.reading, pools[engines.reading])
    state.fresh_reader = Reader(engines.writing, reads, pools[engines.writing])
    state.reader = Reader(engines.reading, reads, pools[engines.reading])


def create_app(url: URL, settings: Settings | None = None) -> FastAPI:
    """The service on a migrated database. Raises CouldNotRun if settings contradict each other."""
    chosen = settings or Settings()
    urls, bodies = service_urls(url, chosen), Bodies(chosen)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        engines = Engines(urls, chosen)
        app.state.settings, app.state.engines = chosen, engines
        connect(app.state, engines, chosen)
        app.state.metrics = health.metrics_of(engines)
        app.state.hub = live.Hub()
        listener = asyncio.create_task(app.state.hub.listen(engines.listening))
        try:
            with (
                telemetry.exported(app, engines.pooled()),
                stopping.told_to_stop(app.state.hub.close, bodies.stop),
            ):
                yield {"send_timeout": chosen.send_timeout}  # for connection.Connection
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
            await engines.dispose()

    app = FastAPI(title="orm_async_tests", version="0.1.0", lifespan=lifespan)
    app.add_middleware(Head)
    app.state.running = Counter[str]()
    app.add_middleware(Limits, settings=chosen, bodies=bodies, running=app.state.running)
    hosts = [host.strip() for host in chosen.hosts.split(",")]
    app.add_middleware(HeaderChecks, hosts=hosts)
    problems.add(app)
    for part in (users, points, bulk, tracks, live, health):
        app.include_router(part.router)
    if chosen.telemetry:
        telemetry.instrument(app)
    return app
