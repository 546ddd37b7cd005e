"""Provides sessions for writes, and a way to run a single read.

Tasks get connections in the order of their requests.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from sqlalchemy import URL, Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from orm_async_tests.service.engines import make_engine
from orm_async_tests.service.settings import Settings
from orm_async_tests.service.state import state_of

Rows = Sequence[Row[Any]]


class FairSemaphore:
    """A semaphore that serves tasks in the order of arrival. The parameter `timeout` is in seconds.

    Without a FairSemaphore, SQLAlchemy's pool may serve a new task before the tasks that wait
    (test206).
    """

    def __init__(self, limit: int, timeout: float) -> None:
        self._semaphore = asyncio.Semaphore(limit)
        self._timeout = timeout

    async def __aenter__(self) -> None:
        if not self._semaphore.locked():
            await self._semaphore.acquire()  # avoids the cost of a timeout
            return
        async with asyncio.timeout(self._timeout):
            await self._semaphore.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._semaphore.release()


class FairPool:
    """Gives an engine's connections to tasks in the order of their requests.

    The methods of FairPool raise TimeoutError if no connection is free in time. All pools of a
    process share the semaphore `reads`, which limits simultaneous reads. A higher limit on
    simultaneous reads would not speed up the reads.
    """

    def __init__(self, url: URL, settings: Settings, reads: FairSemaphore) -> None:
        self.engine = make_engine(url, settings)
        capacity = settings.pool_size + settings.max_overflow
        self._places, self._reads = FairSemaphore(capacity, settings.pool_timeout), reads
        self._make_session = async_sessionmaker(self.engine, expire_on_commit=False)  # test6
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        async with self._places, self._make_session() as session, session.begin():
            yield session

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        """Execute a statement in AUTOCOMMIT, which takes one round trip (test22).

        If the connection is lost, execute the statement once more.
        """
        try:
            return await self._execute(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._execute(statement, parameters)

    async def _execute(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        async with self._reads, self._places, self._autocommit.connect() as connection:
            return (await connection.execute(statement, parameters)).all()


async def begin_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with state_of(request.app).primary.begin() as session:
        yield session


CacheControl = Annotated[str, Header(description="write no-cache to read from the primary server")]


async def choose_pool(request: Request, cache_control: CacheControl = "") -> FairPool:
    state = state_of(request.app)
    return state.primary if "no-cache" in cache_control else state.standby


# With FastAPI's default scope, the commit runs after the response, so the client gets a 200
# even if the commit fails (test50).
WriteSession = Annotated[AsyncSession, Depends(begin_session, scope="function")]
Read = Annotated[FairPool, Depends(choose_pool, scope="function")]
