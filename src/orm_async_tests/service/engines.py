"""Creates the engines of the service from its settings."""

from typing import Any, NamedTuple

from sqlalchemy import URL, NullPool, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db, urls
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.service.settings import PREFIX, Settings

APPLICATION_NAME = "orm_async_tests service"  # the application_name of the connections


class Urls(NamedTuple):
    writing: URL
    reading: URL
    listening: URL


def service_urls(url: URL, settings: Settings) -> Urls:
    """Return the URLs for writing, reading and LISTEN, with the driver asyncpg.

    Raise CouldNotRun if a URL is invalid, or if LISTEN would use a pooler.
    """
    if settings.pooler and not settings.listen_url:
        raise CouldNotRun(
            "LISTEN does not work through a pooler in transaction mode",
            f"{PREFIX}POOLER",
            f"{PREFIX}LISTEN_URL=postgresql://user:password@host:5432/database, without the pooler",
        )
    reading, listening = (
        urls.parse_url(text, f"{PREFIX}{name}") if text else url
        for name, text in (("READ_URL", settings.read_url), ("LISTEN_URL", settings.listen_url))
    )
    return Urls(*(urls.with_driver(address, "asyncpg") for address in (url, reading, listening)))


def make_listening_engine(url: URL) -> AsyncEngine:
    name = db.application_name("asyncpg", f"{APPLICATION_NAME} listener")
    return create_async_engine(url, poolclass=NullPool, connect_args=name)


def make_engine(url: URL, settings: Settings) -> AsyncEngine:
    """Return an engine for HTTP requests.

    Both the client and the server limit the time of a statement (test69, test155).
    """
    engine = create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        connect_args=connect_arguments(settings),
    )
    event.listen(engine.sync_engine, "checkout", refuse_closed)
    return engine


def refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Make the pool replace a connection that the server has closed.

    Calling is_closed() needs no round trip, but pool_pre_ping would double the round trips of a
    read (test196).
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed the connection")


def connect_arguments(settings: Settings) -> dict[str, Any]:
    """Return connect_args for a direct connection or for a pooler.

    Behind a pooler, do not cache prepared statements, because the server connection may change.
    PgBouncer does not accept timeouts as connection parameters, so set timeouts on the server.
    """
    server_settings = {"application_name": APPLICATION_NAME, "timezone": "UTC"}
    arguments = {"command_timeout": settings.command_timeout, "server_settings": server_settings}
    if settings.pooler:
        return {
            **arguments,
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: "",  # asyncpg 0.30 gives names even so
        }
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        server_settings[name] = str(int(settings.statement_timeout * 1000))
    return arguments
