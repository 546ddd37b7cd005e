"""The engines of the service: where writes, reads and LISTEN go, and how they connect."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, NullPool, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.service.settings import PREFIX, Settings

NAME = "orm_async_tests service"


@dataclass(frozen=True)
class Urls:
    """Where writes, reads and LISTEN go: one database, unless the settings say otherwise."""

    writing: URL
    reading: URL
    listening: URL


def service_urls(url: URL, settings: Settings) -> Urls:
    """The URLs of a service on this database, all through asyncpg.

    Raises CouldNotRun if a setting is not a URL, or LISTEN would go through a pooler.
    """
    if settings.pooler and not settings.listen_url:
        raise CouldNotRun(
            "a pooler of transactions has no session in which to LISTEN",
            f"{PREFIX}POOLER",
            f"{PREFIX}LISTEN_URL=postgresql://user:password@host:5432/database, past the pooler",
        )

    own = db.with_driver(url, "asyncpg")

    def given_or_own(given: str, name: str) -> URL:
        return db.with_driver(db.parse_url(given, PREFIX + name), "asyncpg") if given else own

    reading = given_or_own(settings.read_url, "READ_URL")
    return Urls(own, reading, given_or_own(settings.listen_url, "LISTEN_URL"))


class Engines:
    """The engines of a service: reads have one of their own if their URL is another."""

    def __init__(self, urls: Urls, settings: Settings) -> None:
        self.writing = make_engine(urls.writing, settings)
        same = urls.reading == urls.writing
        self.reading = self.writing if same else make_engine(urls.reading, settings)
        name = db.application_name("asyncpg", f"{NAME} listener")
        self.listening = create_async_engine(
            urls.listening, poolclass=NullPool, connect_args=name
        )  # no pool: requests never use its connection

    def pooled(self) -> set[AsyncEngine]:
        """Those that requests use."""
        return {self.writing, self.reading}

    async def dispose(self) -> None:
        """Close what is open."""
        for engine in (*self.pooled(), self.listening):
            await engine.dispose()


def make_engine(url: URL, settings: Settings) -> AsyncEngine:
    """An engine for requests: every wait has an end, on both sides (test69, test155)."""
    engine = create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        connect_args=pooler_arguments(settings) if settings.pooler else direct_arguments(settings),
    )
    event.listen(engine.sync_engine, "checkout", refuse_closed)
    return engine


def refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Let the pool connect anew if the server has closed this connection.

    The driver knows that without asking, and pool_pre_ping doubles a read's round trips (test196).
    A connection that dies without a word is noticed by the timeout of a statement.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed it")


def direct_arguments(settings: Settings) -> dict[str, Any]:
    """connect_args where a connection is one to the server."""
    milliseconds = str(int(settings.statement_timeout * 1000))
    limits = {
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "application_name": NAME,
        "timezone": "UTC",
    }
    return {"command_timeout": settings.command_timeout, "server_settings": limits}


def pooler_arguments(settings: Settings) -> dict[str, Any]:
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
