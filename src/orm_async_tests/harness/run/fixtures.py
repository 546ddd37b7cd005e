"""The fixtures that a variant may name as parameters."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.environment.activity import Activity
from orm_async_tests.harness.environment.http import Http
from orm_async_tests.harness.environment.private_servers import Servers, url_of
from orm_async_tests.harness.environment.worker_processes import Processes
from orm_async_tests.harness.wire.wire import Wire
from orm_async_tests.postgres import Pooler, PrivateServer, Standby
from orm_async_tests.timeline.recording import Recorder

MakeEngine = Callable[..., AsyncEngine]  # the type of the fixture `make_engine`
Sessions = Callable[[], AbstractAsyncContextManager[AsyncSession]]  # of `Session`


@dataclass
class FixtureContext:
    """What the fixtures of one variant are built from, and the engines that it has opened."""

    variant: Variant
    url: URL
    wire: Wire | None
    admin: AsyncEngine
    servers: Servers
    recorder: Recorder
    engines: list[AsyncEngine] = field(default_factory=list)
    _engine: AsyncEngine | None = None

    def make_engine(self, url: URL | None = None, **options: Any) -> AsyncEngine:
        """Return a new engine without connections; it is disposed when the variant ends."""
        engine = create_async_engine(url or self.url, **options)
        self.engines.append(engine)
        return engine

    async def engine(self) -> AsyncEngine:
        """Return the variant's engine with one warm connection, whose set-up is not counted."""
        if self._engine is None:
            self._engine = self.make_engine(**self.variant.engine)
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        return self._engine


@asynccontextmanager
async def activity(context: FixtureContext) -> AsyncIterator[Activity]:
    """what pg_stat_activity says about the variant's connections"""
    activity = Activity(context.admin, context.wire, context.recorder.add_locks)
    await activity.ignore_open_connections()
    yield activity


@asynccontextmanager
async def engine(context: FixtureContext) -> AsyncIterator[AsyncEngine]:
    """an engine with one warm connection"""
    yield await context.engine()


@asynccontextmanager
async def session(context: FixtureContext) -> AsyncIterator[AsyncSession]:
    """an `AsyncSession`, closed afterwards"""
    async with AsyncSession(await context.engine()) as opened:
        yield opened


@asynccontextmanager
async def sessions(context: FixtureContext) -> AsyncIterator[Sessions]:
    """a factory of sessions"""
    yield async_sessionmaker(await context.engine())


@asynccontextmanager
async def other(context: FixtureContext) -> AsyncIterator[AsyncEngine]:
    """a second engine, as in another process, with a separate pool and separate caches"""
    yield context.make_engine()


@asynccontextmanager
async def make_engine(context: FixtureContext) -> AsyncIterator[MakeEngine]:
    """a function that returns new engines with the options that you pass, disposed afterwards"""
    yield context.make_engine


@asynccontextmanager
async def url(context: FixtureContext) -> AsyncIterator[URL]:
    """the database's URL"""
    yield context.url


@asynccontextmanager
async def wire(context: FixtureContext) -> AsyncIterator[Wire | None]:
    """the proxy between the engines and the server"""
    yield context.wire


@asynccontextmanager
async def http(_: FixtureContext) -> AsyncIterator[Http]:
    """HTTP clients for a web application, and a server that runs it"""
    async with Http() as opened:
        yield opened


@asynccontextmanager
async def private_server(context: FixtureContext) -> AsyncIterator[PrivateServer]:
    """a server that you may freeze, kill and restart with other settings"""
    assert context.servers.private is not None
    yield context.servers.private


@asynccontextmanager
async def private_url(context: FixtureContext) -> AsyncIterator[URL]:
    """the URL of the private server, whose database is empty"""
    assert context.servers.private is not None
    yield url_of(context.servers.private, context.url.get_driver_name())


@asynccontextmanager
async def primary_url(context: FixtureContext) -> AsyncIterator[URL]:
    """the URL of a server that has a standby; its database has the default tables and rows"""
    assert context.servers.private is not None
    yield url_of(context.servers.private, context.url.get_driver_name())


@asynccontextmanager
async def standby(context: FixtureContext) -> AsyncIterator[Standby]:
    """a hot standby of the server behind `primary_url`"""
    assert context.servers.standby is not None
    yield context.servers.standby


@asynccontextmanager
async def standby_url(context: FixtureContext) -> AsyncIterator[URL]:
    """the URL of the hot standby"""
    assert context.servers.standby is not None
    yield url_of(context.servers.standby, context.url.get_driver_name())


@asynccontextmanager
async def pooler(context: FixtureContext) -> AsyncIterator[Pooler]:
    """PgBouncer in front of the database"""
    assert context.servers.pooler is not None
    yield context.servers.pooler


@asynccontextmanager
async def processes(_: FixtureContext) -> AsyncIterator[Processes]:
    """worker processes beside this one"""
    yield Processes()


Fixture = Callable[[FixtureContext], AbstractAsyncContextManager[Any]]
FIXTURES: dict[str, Fixture] = {  # opened in this order and closed in reverse
    "activity": activity,
    "engine": engine,
    "Session": sessions,
    "session": session,
    "other": other,
    "make_engine": make_engine,
    "url": url,
    "wire": wire,
    "private_server": private_server,
    "private_url": private_url,
    "primary_url": primary_url,
    "standby": standby,
    "standby_url": standby_url,
    "pooler": pooler,
    "processes": processes,
    "http": http,
}
