"""Creates the engines of the service, with their URLs and connection settings."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, NullPool, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.service.settings import PREFIX, Settings

NAME = "orm_async_tests service"  # its connections' application_name


@dataclass(frozen=True)
class Urls:
    """The URLs for writes, for reads and for LISTEN. All three often name the same database."""

    writing: URL
    reading: URL
    listening: URL


def service_urls(url: URL, settings: Settings) -> Urls:
    """Return the URLs of a service whose database is at `url`. All these URLs are for asyncpg.

    Raise CouldNotRun if a setting is not a URL, or if the connection for LISTEN would use a pooler.
    """
    if settings.pooler and not settings.listen_url:
        raise CouldNotRun(
            "LISTEN does not work through a pooler in transaction mode",
            f"{PREFIX}POOLER",
            f"{PREFIX}LISTEN_URL=postgresql://user:password@host:5432/database, past the pooler",
        )
    writing = db.with_driver(url, "asyncpg")

    def url_of(setting: str, name: str) -> URL:
        if not setting:
            return writing
        return db.with_driver(db.parse_url(setting, PREFIX + name), "asyncpg")

    reading = url_of(settings.read_url, "READ_URL")
    return Urls(writing, reading, url_of(settings.listen_url, "LISTEN_URL"))


class Engines:
    """The engines for writes, for reads and for LISTEN. If writes and reads have the same URL, they
    share one engine.
    """

    def __init__(self, urls: Urls, settings: Settings) -> None:
        self.writing = make_engine(urls.writing, settings)
        self.reading = self.writing
        if urls.reading != urls.writing:
            self.reading = make_engine(urls.reading, settings)
        name = db.application_name("asyncpg", f"{NAME} listener")
        self.listening = create_async_engine(
            urls.listening, poolclass=NullPool, connect_args=name
        )  # no pool: requests never use its connection

    def pooled(self) -> set[AsyncEngine]:
        """Return the engines that serve requests, without the engine for LISTEN."""
        return {self.writing, self.reading}

    async def dispose(self) -> None:
        """Close all idle connections of the engines."""
        for engine in (*self.pooled(), self.listening):
            await engine.dispose()


def make_engine(url: URL, settings: Settings) -> AsyncEngine:
    """Return an engine that serves requests. Both the client and the server limit every wait
    (test69, test155).
    """
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
    """Make the pool replace a connection that the server has closed. This is a listener for the
    event `checkout`.

    The driver knows without a query that the server has closed a connection. pool_pre_ping would
    double the round trips of a read (test196). If the network fails silently, the timeout of a
    statement detects it.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed the connection")


def direct_arguments(settings: Settings) -> dict[str, Any]:
    """Return connect_args for connections that go directly to a server."""
    milliseconds = str(int(settings.statement_timeout * 1000))
    server_settings = {
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "application_name": NAME,
        "timezone": "UTC",
    }
    return {"command_timeout": settings.command_timeout, "server_settings": server_settings}


def pooler_arguments(settings: Settings) -> dict[str, Any]:
    """Return connect_args for a pooler that may use another server connection for each transaction.

    With these arguments, SQLAlchemy and asyncpg cache no prepared statements, and asyncpg sends no
    setting that PgBouncer rejects. The operator of the pooler sets the timeouts of the server.
    """
    return {
        "command_timeout": settings.command_timeout,
        "server_settings": {"application_name": NAME, "timezone": "UTC"},
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: "",  # asyncpg 0.30 gives names without a cache too
    }
