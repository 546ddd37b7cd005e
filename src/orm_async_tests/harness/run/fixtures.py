"""Creates fixtures, which a variant selects by the names of its parameters."""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from inspect import isawaitable
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
from orm_async_tests.harness.environment.servers import Servers, url_of
from orm_async_tests.harness.environment.web_applications import Http
from orm_async_tests.harness.environment.worker_processes import Processes
from orm_async_tests.harness.wire.wire import Wire
from orm_async_tests.postgres import PrivateServer
from orm_async_tests.timeline.recording import Recorder

MakeEngine = Callable[..., AsyncEngine]  # the type of the fixture `make_engine`
Sessions = Callable[[], AbstractAsyncContextManager[AsyncSession]]  # of `Session`


@dataclass
class Fixtures:
    variant: Variant
    url: URL
    wire: Wire | None
    admin: AsyncEngine
    servers: Servers
    recorder: Recorder
    engines: list[AsyncEngine] = field(default_factory=list)  # that the variant has opened
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)  # closes the fixtures
    warm_engine: AsyncEngine | None = None

    def make_engine(self, url: URL | None = None, **options: Any) -> AsyncEngine:
        engine = create_async_engine(url or self.url, **options)
        self.engines.append(engine)
        return engine

    async def engine(self) -> AsyncEngine:
        if self.warm_engine is None:
            self.warm_engine = self.make_engine(**self.variant.engine)
            async with self.warm_engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        return self.warm_engine

    async def session(self) -> AsyncSession:
        return await self.stack.enter_async_context(AsyncSession(await self.engine()))

    async def sessions(self) -> Sessions:
        return async_sessionmaker(await self.engine())

    async def activity(self) -> Activity:
        activity = Activity(self.admin, self.wire, self.recorder.add_locks)
        await activity.ignore_open_connections()
        return activity

    async def http(self) -> Http:
        return await self.stack.enter_async_context(Http(self.recorder.add_http))

    def url_of(self, server: PrivateServer | None) -> URL:
        assert server is not None
        return url_of(server, self.url.get_driver_name())


FIXTURES: dict[str, Callable[[Fixtures], Any]] = {  # in the order in which they open
    "activity": Fixtures.activity,
    "engine": Fixtures.engine,
    "Session": Fixtures.sessions,
    "session": Fixtures.session,
    "other": lambda fixtures: fixtures.make_engine(),
    "make_engine": lambda fixtures: fixtures.make_engine,
    "url": lambda fixtures: fixtures.url,
    "wire": lambda fixtures: fixtures.wire,
    "private_server": lambda fixtures: fixtures.servers.private,
    "private_url": lambda fixtures: fixtures.url_of(fixtures.servers.private),
    "primary_url": lambda fixtures: fixtures.url_of(fixtures.servers.private),
    "standby": lambda fixtures: fixtures.servers.standby,
    "standby_url": lambda fixtures: fixtures.url_of(fixtures.servers.standby),
    "pooler": lambda fixtures: fixtures.servers.pooler,
    "processes": lambda _: Processes(),
    "http": Fixtures.http,
}


async def open_fixtures(fixtures: Fixtures, names: Collection[str]) -> dict[str, Any]:
    opened = dict[str, Any]()
    for name in [name for name in FIXTURES if name in names]:
        value = FIXTURES[name](fixtures)
        opened[name] = await value if isawaitable(value) else value
    return opened
