"""Sessions that write, in the order of their requests, and commit before the response is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests import db


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
        """Let the next waiting task open a session."""
        self._semaphore.release()


class Sessions:
    """Opens sessions of an engine, whose pool serves them in the order of their requests."""

    def __init__(self, engine: AsyncEngine, pool: FairSemaphore) -> None:
        """Use this engine. The semaphore has as many places as the engine's pool."""
        self._make_session, self._pool = db.make_sessions(engine), pool

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """Open a session in a transaction, which commits when the block ends.

        Raise TimeoutError if the pool has no connection in time.
        """
        async with self._pool, self._make_session() as session, session.begin():
            yield session


async def begin_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Give an endpoint a session in a transaction, which commits when the endpoint returns."""
    sessions: Sessions = request.app.state.writing
    async with sessions.begin() as session:
        yield session


# With FastAPI's default scope the commit follows the response: a commit that fails has been
# answered with a 200 by then (test50).
WriteSession = Annotated[AsyncSession, Depends(begin_session, scope="function")]
