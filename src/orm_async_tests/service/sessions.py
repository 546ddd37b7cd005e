"""Sessions that write and readers of single statements, which wait for a pool in order."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests import db
from orm_async_tests.service.parameters import CacheControl

Rows = Sequence[Row[Any]]


class FairSemaphore:
    """Lets a limited number of tasks in at a time, first come, first served.

    SQLAlchemy's pool hands a returned connection to whichever task asks next, even when others are
    waiting (test206). A semaphore of asyncio in front of the pool keeps the order.
    """

    def __init__(self, limit: int, timeout: float) -> None:
        """Let `limit` tasks in at a time. Another task waits for at most `timeout` seconds."""
        self._semaphore = asyncio.Semaphore(limit)
        self._timeout = timeout

    async def __aenter__(self) -> None:
        """Wait for a place. Raise TimeoutError after the timeout."""
        if not self._semaphore.locked():
            await self._semaphore.acquire()  # without the cost of a timeout
            return
        async with asyncio.timeout(self._timeout):
            await self._semaphore.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._semaphore.release()


class Sessions:
    """Opens sessions of an engine. `pool` has as many places as the engine's pool."""

    def __init__(self, engine: AsyncEngine, pool: FairSemaphore) -> None:
        self._make_session, self._pool = db.make_sessions(engine), pool

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """Open a session in a transaction, which commits when the block ends.

        Raise TimeoutError if the pool has no connection in time.
        """
        async with self._pool, self._make_session() as session, session.begin():
            yield session


class Reader:
    """Runs single statements in AUTOCOMMIT, which take one round trip each (test22).

    `pool` has as many places as the engine's pool. `reads` has fewer places, and all readers share
    it: reads are short, and one process finishes no sooner if more of them run at a time.
    """

    def __init__(self, engine: AsyncEngine, reads: FairSemaphore, pool: FairSemaphore) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._reads, self._pool = reads, pool

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows:
        """Return the statement's rows. Repeat the statement once if its connection is lost.

        Raise TimeoutError if the pool has no connection in time.
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
    """Give an endpoint a session in a transaction, which commits when the endpoint returns."""
    async with request.app.state.writing.begin() as session:
        yield session


async def choose_reader(request: Request, cache_control: CacheControl = None) -> Reader:
    """Return the reader of the primary for no-cache, otherwise a reader that may use a standby."""
    must_be_fresh = "no-cache" in (cache_control or "")
    state = request.app.state
    reader: Reader = state.fresh_reader if must_be_fresh else state.reader
    return reader


# With FastAPI's default scope the commit follows the response: a commit that fails has been
# answered with a 200 by then (test50).
WriteSession = Annotated[AsyncSession, Depends(begin_session, scope="function")]
Read = Annotated[Reader, Depends(choose_reader, scope="function")]
