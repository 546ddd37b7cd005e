"""Provides sessions that write and readers of single statements. Sessions and readers wait for a
connection in the order in which they ask for it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from sqlalchemy import Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests import db
from orm_async_tests.service.schemas import Omittable

Rows = Sequence[Row[Any]]


class FairSemaphore:
    """Lets a limited number of tasks in at the same time, and serves waiting tasks in the order of
    their arrival.

    SQLAlchemy's pool gives a returned connection to the next task that asks for one, even if other
    tasks are already waiting (test206). An asyncio semaphore in front of the pool keeps the order.
    """

    def __init__(self, limit: int, timeout: float) -> None:
        """Let at most `limit` tasks in at the same time. A task that has to wait waits for at most
        `timeout` seconds.
        """
        self._semaphore = asyncio.Semaphore(limit)
        self._timeout = timeout

    async def __aenter__(self) -> None:
        """Wait for a free place of the semaphore. Raise TimeoutError if no place is free before the
        timeout.
        """
        if not self._semaphore.locked():
            await self._semaphore.acquire()  # without the cost of a timeout
            return
        async with asyncio.timeout(self._timeout):
            await self._semaphore.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._semaphore.release()


class Sessions:
    """Opens sessions of an engine. `pool` is a FairSemaphore with as many places as the pool of the
    engine.
    """

    def __init__(self, engine: AsyncEngine, pool: FairSemaphore) -> None:
        self._make_session, self._pool = db.make_sessions(engine), pool

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """Open a session with a transaction, which is committed when the block ends.

        Raise TimeoutError if no connection is free in time.
        """
        async with self._pool, self._make_session() as session, session.begin():
            yield session


class Reader:
    """Runs single statements in AUTOCOMMIT. A statement in AUTOCOMMIT takes one round trip
    (test22).

    `pool` is a FairSemaphore with as many places as the pool of the engine. `reads` is a
    FairSemaphore with fewer places, which all readers share. Reads are short, and a process does
    not finish reads sooner if more of them run at the same time.
    """

    def __init__(self, engine: AsyncEngine, reads: FairSemaphore, pool: FairSemaphore) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._reads, self._pool = reads, pool

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        """Run the statement and return its rows. If the connection is lost, run the statement of
        the reader once more.

        Raise TimeoutError if no connection is free in time.
        """
        try:
            return await self._execute(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._execute(statement, parameters)

    async def _execute(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        async with self._reads, self._pool, self._engine.connect() as connection:
            return (await connection.execute(statement, parameters)).all()


async def begin_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Yield a session with a transaction for an endpoint. The transaction is committed when the
    endpoint returns.
    """
    async with request.app.state.writing.begin() as session:
        yield session


CacheControl = Annotated[
    str | None,
    Omittable(),
    Header(description="no-cache reads from the primary, which has the latest commit"),
]


async def choose_reader(request: Request, cache_control: CacheControl = None) -> Reader:
    """Return the reader of the primary if the request says no-cache, and otherwise a reader that
    may use a standby.
    """
    must_be_fresh = "no-cache" in (cache_control or "")
    state = request.app.state
    reader: Reader = state.fresh_reader if must_be_fresh else state.reader
    return reader


# With FastAPI's default scope the commit follows the response: a commit that fails has been
# answered with a 200 by then (test50).
WriteSession = Annotated[AsyncSession, Depends(begin_session, scope="function")]
Read = Annotated[Reader, Depends(choose_reader, scope="function")]
