"""The session of a request: committed before the answer is sent."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from orm_async_tests.service.parameters import CacheControl, newest

Sessions = async_sessionmaker[AsyncSession]


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
    made: Sessions = state.writing if newest(cache_control) else state.reading
    return made


WriteSessions = Annotated[Sessions, Depends(write_sessions, scope="function")]
ReadSessions = Annotated[Sessions, Depends(read_sessions, scope="function")]


async def write_session(sessions: WriteSessions) -> AsyncIterator[AsyncSession]:
    """A session in a transaction, which is committed when the endpoint's function returns."""
    async with sessions.begin() as opened:
        yield opened


# scope="function": the commit comes before the answer. With the usual scope it comes after it, and
# a commit that fails has been answered by 200 already (test50).
WriteSession = Annotated[AsyncSession, Depends(write_session, scope="function")]
