"""The application: its lifespan owns the engine, and disposes it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.service import bulk, health, live, points, problems, tracks, users
from orm_async_tests.service.limits import Limits
from orm_async_tests.service.sessions import make_engine, make_listening_engine
from orm_async_tests.service.settings import Settings


def create_app(url: URL, settings: Settings | None = None) -> FastAPI:
    """The service on a database that is migrated, through asyncpg."""
    chosen = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        asyncpg = db.with_driver(url, "asyncpg")
        engine, listening = make_engine(asyncpg, chosen), make_listening_engine(asyncpg)
        app.state.settings, app.state.engine = chosen, engine
        app.state.sessions = db.make_sessions(engine)
        app.state.figures = health.figures(engine)
        app.state.hub = live.Hub()
        listener = asyncio.create_task(app.state.hub.listen(listening))
        try:
            yield
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
            await listening.dispose()
            await engine.dispose()

    app = FastAPI(title="orm_async_tests", version="0.1.0", lifespan=lifespan)
    app.add_middleware(Limits, settings=chosen)
    problems.add(app)
    for part in (users, points, bulk, tracks, live, health):
        app.include_router(part.router)
    return app
