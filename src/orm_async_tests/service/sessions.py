"""Sessions that write: their transaction commits before the response is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests import db
from orm_async_tests.service.fair_semaphore import FairSemaphore


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
