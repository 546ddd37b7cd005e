"""Creates the fixtures of a variant. A variant's parameters name the fixtures that it needs."""

from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack
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
from orm_async_tests.harness.environment.programs import Http, Processes
from orm_async_tests.harness.environment.servers import Servers, url_of
from orm_async_tests.harness.wire.wire import Wire
from orm_async_tests.postgres import Pooler, PrivateServer, Standby
from orm_async_tests.timeline.recording import Recorder

MakeEngine = Callable[..., AsyncEngine]  # the type of the fixture `make_engine`
Sessions = Callable[[], AbstractAsyncContextManager[AsyncSession]]  # of `Session`


class Fixtures:
    """The fixtures of one variant. A fixture is created if a parameter of the variant has the
    fixture's name. Each public method creates the fixture that has the method's name.
    """

    def __init__(
        self,
        variant: Variant,
        url: URL,
        wire: Wire | None,
        admin: AsyncEngine,
        servers: Servers,
        recorder: Recorder,
    ) -> None:
        self.variant, self.servers, self.recorder = variant, servers, recorder
        self.engines: list[AsyncEngine] = []  # that the variant has opened
        self.stack = AsyncExitStack()  # closes the fixtures
        self._url, self._wire, self._admin = url, wire, admin
        self._engine: AsyncEngine | None = None

    def _make_engine(self, url: URL | None = None, **options: Any) -> AsyncEngine:
        """Return a new engine without connections. Dispose the engine when the variant ends."""
        engine = create_async_engine(url or self._url, **options)
        self.engines.append(engine)
        return engine

    async def activity(self) -> Activity:
        """what pg_stat_activity says about the variant's connections"""
        activity = Activity(self._admin, self._wire, self.recorder.add_locks)
        await activity.ignore_open_connections()
        return activity

    async def engine(self) -> AsyncEngine:
        """an engine with one warm connection"""
        if self._engine is None:
            self._engine = self._make_engine(**self.variant.engine)
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        return self._engine

    async def Session(self) -> Sessions:  # noqa: N802 (variants ask for it by its usual name)
        """a factory of sessions"""
        return async_sessionmaker(await self.engine())

    async def session(self) -> AsyncSession:
        """an `AsyncSession`, closed afterwards"""
        return await self.stack.enter_async_context(AsyncSession(await self.engine()))

    async def other(self) -> AsyncEngine:
        """a second engine, as in another process, with a separate pool and separate caches"""
        return self._make_engine()

    async def make_engine(self) -> MakeEngine:
        """a function that returns new engines with the options that you pass"""
        return self._make_engine

    async def url(self) -> URL:
        """the database's URL"""
        return self._url

    async def wire(self) -> Wire | None:
        """the proxy between the engines and the server"""
        return self._wire

    async def private_server(self) -> PrivateServer:
        """a server that you may freeze, kill and restart with other settings"""
        assert self.servers.private is not None
        return self.servers.private

    async def private_url(self) -> URL:
        """the URL of the private server, whose database is empty"""
        return url_of(await self.private_server(), self._url.get_driver_name())

    async def primary_url(self) -> URL:
        """the URL of a server that has a standby; its database has the default tables and rows"""
        return await self.private_url()

    async def standby(self) -> Standby:
        """a hot standby of the server behind `primary_url`"""
        assert self.servers.standby is not None
        return self.servers.standby

    async def standby_url(self) -> URL:
        """the URL of the hot standby"""
        return url_of(await self.standby(), self._url.get_driver_name())

    async def pooler(self) -> Pooler:
        """PgBouncer in front of the database"""
        assert self.servers.pooler is not None
        return self.servers.pooler

    async def processes(self) -> Processes:
        """worker processes beside this one"""
        return Processes()

    async def http(self) -> Http:
        """HTTP clients for a web application, and a server that runs it"""
        return await self.stack.enter_async_context(Http(self.recorder.add_http))


FIXTURES: dict[str, Callable[[Fixtures], Awaitable[Any]]] = {  # in the order in which they open
    name: method for name, method in vars(Fixtures).items() if not name.startswith("_")
}


async def open_fixtures(fixtures: Fixtures, names: Collection[str]) -> dict[str, Any]:
    """Return the fixtures with these names."""
    return {name: await make(fixtures) for name, make in FIXTURES.items() if name in names}
