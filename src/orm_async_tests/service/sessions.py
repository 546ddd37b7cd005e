"""Where statements go, and the session of a request: committed before the answer is sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.service.settings import PREFIX, Settings

Sessions = async_sessionmaker[AsyncSession]

NAME = "orm_async_tests service"


@dataclass(frozen=True)
class Places:
    """Where writes, reads and LISTEN go: to one database, unless the settings say otherwise."""

    writing: URL
    reading: URL
    listening: URL


def places(url: URL, settings: Settings) -> Places:
    """The places for a service on this database, all through asyncpg.

    Raises CouldNotRun if a setting is no URL, or LISTEN would go through a pooler.
    """
    if settings.pooler and not settings.listen_url:
        raise CouldNotRun(
            "a pooler of transactions has no session in which to LISTEN",
            f"{PREFIX}POOLER",
            f"{PREFIX}LISTEN_URL=postgresql://user:password@host:5432/database, past the pooler",
        )

    own = db.with_driver(url, "asyncpg")

    def place(given: str, name: str) -> URL:
        return db.with_driver(db.parse_url(given, PREFIX + name), "asyncpg") if given else own

    reading = place(settings.read_url, "READ_URL")
    return Places(own, reading, place(settings.listen_url, "LISTEN_URL"))


class Engines:
    """The engines of a service: reads have one of their own if their place is another."""

    def __init__(self, where: Places, settings: Settings) -> None:
        self.writing = make_engine(where.writing, settings)
        same = where.reading == where.writing
        self.reading = self.writing if same else make_engine(where.reading, settings)
        arguments = db.application_name("asyncpg", f"{NAME} listener")
        self.listening = create_async_engine(
            where.listening, poolclass=NullPool, connect_args=arguments
        )  # no pool: its connection is no request's

    def pooled(self) -> set[AsyncEngine]:
        """Those that requests use."""
        return {self.writing, self.reading}

    async def dispose(self) -> None:
        """Close what is open."""
        for engine in (*self.pooled(), self.listening):
            await engine.dispose()


def make_engine(url: URL, settings: Settings) -> AsyncEngine:
    """An engine for requests: every wait has an end, on both sides (test69, test155)."""
    return create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        pool_pre_ping=True,
        connect_args=through_pooler(settings) if settings.pooler else directly(settings),
    )


def directly(settings: Settings) -> dict[str, Any]:
    """connect_args where a connection is one to the server."""
    milliseconds = str(int(settings.statement_timeout * 1000))
    limits = {
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "application_name": NAME,
        "timezone": "UTC",
    }
    return {"command_timeout": settings.command_timeout, "server_settings": limits}


def through_pooler(settings: Settings) -> dict[str, Any]:
    """connect_args where each transaction may have another server connection.

    No prepared statement is kept, by either cache, and nothing is set that PgBouncer refuses: the
    server's timeouts are the operator's to set.
    """
    return {
        "command_timeout": settings.command_timeout,
        "server_settings": {"application_name": NAME, "timezone": "UTC"},
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: "",  # asyncpg 0.30 gives names without a cache too
    }


def sessions(request: Request) -> Sessions:
    """The factory where writes go, for answers that stream: they open sessions of their own."""
    made: Sessions = request.app.state.writing
    return made


def readers(
    request: Request,
    cache_control: Annotated[
        str | SkipJsonSchema[None],
        Header(description="no-cache: read what was committed last, not from a standby"),
    ] = None,
) -> Sessions:
    """The factory where reads go, which may lag behind."""
    state = request.app.state
    made: Sessions = state.writing if "no-cache" in (cache_control or "") else state.reading
    return made


async def writing(
    made: Annotated[Sessions, Depends(sessions, scope="function")],
) -> AsyncIterator[AsyncSession]:
    """A session in a transaction, which is committed when the endpoint's function returns."""
    async with made.begin() as opened:
        yield opened


async def reading(
    made: Annotated[Sessions, Depends(readers, scope="function")],
) -> AsyncIterator[AsyncSession]:
    """A session that only reads."""
    async with made() as opened:
        yield opened


# scope="function": the commit comes before the answer. With the usual scope it comes after it, and
# a commit that fails has been answered by 200 already (test50).
InTransaction = Annotated[AsyncSession, Depends(writing, scope="function")]
ToRead = Annotated[AsyncSession, Depends(reading, scope="function")]
OwnSessions = Annotated[Sessions, Depends(sessions)]
OwnReaders = Annotated[Sessions, Depends(readers)]
