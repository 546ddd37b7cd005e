"""The session of a request: committed before the answer is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests import db
from orm_async_tests.service.parameters import CacheControl, requires_primary
from orm_async_tests.service.turns import Turns


class Sessions:
    """Sessions of an engine, each of which has a turn at its pool."""

    def __init__(self, engine: AsyncEngine, pool: Turns) -> None:
        self._make, self._pool = db.make_sessions(engine), pool

    @asynccontextmanager
    async def one(self) -> AsyncIterator[AsyncSession]:
        """A session while the block runs. Raises TimeoutError if there is no turn."""
        async with self._pool, self._make() as session:
            yield session

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """Give a session in a transaction, which is committed when the block ends.

        Raise TimeoutError if there is no turn.
        """
        async with self.one() as session, session.begin():
            yield session


async def write_sessions(request: Request) -> Sessions:
    """The factory where writes go, for answers that stream: they open sessions of their own."""
    made: Sessions = request.app.state.writing
    return made


async def read_sessions(
    request: Request,
    cache_control: CacheControl = None,
) -> Sessions:
    """The factory where reads go, which may lag behind."""
    state = request.app.state
    made: Sessions = state.writing if requires_primary(cache_control) else state.reading
    return made


WriteSessions = Annotated[Sessions, Depends(write_sessions, scope="function")]
ReadSessions = Annotated[Sessions, Depends(read_sessions, scope="function")]


async def write_session(sessions: WriteSessions) -> AsyncIterator[AsyncSession]:
    """A session in a transaction, which is committed when the endpoint's function returns."""
    async with sessions.begin() as session:
        yield session


# scope="function": the commit comes before the answer. With the usual scope it comes after it, and
# a commit that fails has been answered by 200 already (test50).
WriteSession = Annotated[AsyncSession, Depends(write_session, scope="function")]
