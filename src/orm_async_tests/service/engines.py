"""Creates the engines of the service, and chooses their URLs and connection settings."""

from typing import Any, NamedTuple

from sqlalchemy import URL, NullPool, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.service.settings import PREFIX, Settings

NAME = "orm_async_tests service"  # its connections' application_name


class Urls(NamedTuple):
    """The URLs that the service uses for writes, for reads and for LISTEN. The URLs for writes,
    reads and LISTEN often name the same database.
    """

    writing: URL
    reading: URL
    listening: URL


def service_urls(url: URL, settings: Settings) -> Urls:
    """Return the URLs for a service that uses one database, whose URL is `url`. The service
    connects with asyncpg, so its URLs name this driver.

    Raise CouldNotRun if a setting is not a URL, or if the connection for LISTEN would use a pooler.
    """
    if settings.pooler and not settings.listen_url:
        raise CouldNotRun(
            "LISTEN does not work through a pooler in transaction mode",
            f"{PREFIX}POOLER",
            f"{PREFIX}LISTEN_URL=postgresql://user:password@host:5432/database, past the pooler",
        )
    chosen = (
        url,
        db.parse_url(settings.read_url, f"{PREFIX}READ_URL") if settings.read_url else url,
        db.parse_url(settings.listen_url, f"{PREFIX}LISTEN_URL") if settings.listen_url else url,
    )
    return Urls(*(db.with_driver(one, "asyncpg") for one in chosen))


def make_listening_engine(url: URL) -> AsyncEngine:
    """Return an engine for the connection that runs LISTEN. The engine for LISTEN has no pool,
    because no request uses its connection.
    """
    name = db.application_name("asyncpg", f"{NAME} listener")
    return create_async_engine(url, poolclass=NullPool, connect_args=name)


def make_engine(url: URL, settings: Settings) -> AsyncEngine:
    """Return an engine that serves requests. If a statement waits too long, both the client and the
    server end it (test69, test155).
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
    """Make the pool replace a connection that the server has closed. The pool's event `checkout`
    calls refuse_closed().

    The driver needs no query to notice that the server has closed a connection. The option
    pool_pre_ping would double the round trips of a read (test196). If the network fails without an
    error, a statement fails when its timeout ends.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed the connection")


def connect_arguments(settings: Settings) -> dict[str, Any]:
    """Return connect_args for a direct connection or for a pooler. A pooler may change the server
    connection between two transactions.

    With a pooler, SQLAlchemy and asyncpg cache no prepared statements. With a pooler, asyncpg sends
    no setting that PgBouncer refuses. With a pooler, the operator must set the timeouts on the
    server.
    """
    server_settings = {"application_name": NAME, "timezone": "UTC"}
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
