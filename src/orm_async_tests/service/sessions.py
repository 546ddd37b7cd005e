"""The session of a request: committed before the answer is sent."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from orm_async_tests import db
from orm_async_tests.service.settings import Settings

Sessions = async_sessionmaker[AsyncSession]


def make_engine(url: URL, settings: Settings) -> AsyncEngine:
    """The service's engine: every wait has an end, on both sides (test69, test155)."""
    milliseconds = str(int(settings.statement_timeout * 1000))
    limits = {
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "application_name": "orm_async_tests service",
        "timezone": "UTC",
    }
    arguments = {"command_timeout": settings.command_timeout, "server_settings": limits}
    return db.make_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        pool_pre_ping=True,
        connect_args=arguments,
    )


def make_listening_engine(url: URL) -> AsyncEngine:
    """An engine without a pool, for the connection that listens: it is no request's."""
    arguments = db.named("asyncpg", "orm_async_tests service listener")
    return db.make_engine(url, poolclass=NullPool, connect_args=arguments)


def sessions(request: Request) -> Sessions:
    """The factory, for answers that stream: they open a session of their own (test50)."""
    made: Sessions = request.app.state.sessions
    return made


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session in a transaction, which is committed when the endpoint's function returns."""
    async with sessions(request).begin() as opened:
        yield opened


# scope="function": the commit comes before the answer. With the usual scope it comes after it, and
# a commit that fails has been answered by 200 already.
InTransaction = Annotated[AsyncSession, Depends(session, scope="function")]
OwnSessions = Annotated[Sessions, Depends(sessions)]
