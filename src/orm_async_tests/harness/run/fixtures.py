"""What a variant may ask for by the name of an argument."""

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

MakeEngine = Callable[..., AsyncEngine]  # what `make_engine` is to a variant
Sessions = Callable[[], AbstractAsyncContextManager[AsyncSession]]  # what `Session` is to a variant


@dataclass
class Place:
    """Where one variant runs, and the engines that were made for it."""

    variant: Variant
    url: URL
    wire: Wire | None
    admin: AsyncEngine
    servers: Servers
    engines: list[AsyncEngine] = field(default_factory=list)
    _engine: AsyncEngine | None = None

    def make_engine(self, url: URL | None = None, **options: Any) -> AsyncEngine:
        """A cold engine; it is disposed when the variant has ended."""
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
async def activity(place: Place) -> AsyncIterator[Activity]:
    """what pg_stat_activity says about the variant's connections"""
    found = Activity(place.admin, place.wire)
    await found.mark()
    yield found


@asynccontextmanager
async def engine(place: Place) -> AsyncIterator[AsyncEngine]:
    """an engine with one warm connection"""
    yield await place.engine()


@asynccontextmanager
async def session(place: Place) -> AsyncIterator[AsyncSession]:
    """an `AsyncSession`, closed afterwards"""
    async with AsyncSession(await place.engine()) as opened:
        yield opened


@asynccontextmanager
async def sessions(place: Place) -> AsyncIterator[Sessions]:
    """a factory of them"""
    yield async_sessionmaker(await place.engine())


@asynccontextmanager
async def other(place: Place) -> AsyncIterator[AsyncEngine]:
    """an engine as another process has it: with a pool and caches of its own"""
    yield place.make_engine()


@asynccontextmanager
async def make_engine(place: Place) -> AsyncIterator[MakeEngine]:
    """makes cold engines with options, disposed afterwards"""
    yield place.make_engine


@asynccontextmanager
async def url(place: Place) -> AsyncIterator[URL]:
    """the database's URL"""
    yield place.url


@asynccontextmanager
async def wire(place: Place) -> AsyncIterator[Wire | None]:
    """what lies between the engines and the server"""
    yield place.wire


@asynccontextmanager
async def http(_: Place) -> AsyncIterator[Http]:
    """clients of a web application, and a server for it"""
    async with Http() as opened:
        yield opened


@asynccontextmanager
async def private_server(place: Place) -> AsyncIterator[PrivateServer]:
    """a server that may be frozen, killed and started with other settings"""
    assert place.servers.private is not None
    yield place.servers.private


@asynccontextmanager
async def private_url(place: Place) -> AsyncIterator[URL]:
    """the URL of the private server, whose database is empty"""
    assert place.servers.private is not None
    yield url_of(place.servers.private, place.url.get_driver_name())


@asynccontextmanager
async def primary_url(place: Place) -> AsyncIterator[URL]:
    """the URL of a server that has a standby; its database has the usual tables and rows"""
    assert place.servers.private is not None
    yield url_of(place.servers.private, place.url.get_driver_name())


@asynccontextmanager
async def standby(place: Place) -> AsyncIterator[Standby]:
    """a hot standby of the server behind `primary_url`"""
    assert place.servers.standby is not None
    yield place.servers.standby


@asynccontextmanager
async def standby_url(place: Place) -> AsyncIterator[URL]:
    """the URL of the hot standby"""
    assert place.servers.standby is not None
    yield url_of(place.servers.standby, place.url.get_driver_name())


@asynccontextmanager
async def pooler(place: Place) -> AsyncIterator[Pooler]:
    """PgBouncer in front of the database"""
    assert place.servers.pooler is not None
    yield place.servers.pooler


@asynccontextmanager
async def processes(_: Place) -> AsyncIterator[Processes]:
    """processes beside this one"""
    yield Processes()


Fixture = Callable[[Place], AbstractAsyncContextManager[Any]]
FIXTURES: dict[str, Fixture] = {  # entered in this order, and left in the opposite one
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
