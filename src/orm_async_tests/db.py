"""Which database the scripts, the service and Alembic share, and how they connect to it."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import URL, NullPool, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import SCRIPTS, Login, Purpose, lease

Kind = Literal["embedded", "compose", "url", "file"]

DRIVERS = ("asyncpg", "psycopg")
NAME = "orm_async_tests"  # of the embedded server's database
COMPOSE_PORT = "ORM_ASYNC_COMPOSE_PORT"


@dataclass(frozen=True)
class Choice:
    """Which database was asked for, and by what."""

    kind: Kind
    source: str
    url: URL | None = None


@dataclass(frozen=True)
class Database:
    """A database that can be connected to for as long as open_database() is."""

    url: URL
    kind: Kind
    label: str
    pooler: str = ""  # the mode of a PgBouncer that ways go through

    @property
    def driver(self) -> str:
        return self.url.get_driver_name()


def choose(db: str | None = None) -> Choice:
    """Decide without connecting: db (--db), DATABASE_URL, ORM_ASYNC_DB, embedded, in this order.

    Raises CouldNotRun if what was asked for is neither a URL of PostgreSQL nor a known word.
    """
    asked = [
        (db, "--db"),
        (os.environ.get("DATABASE_URL"), "DATABASE_URL"),
        (os.environ.get("ORM_ASYNC_DB"), "ORM_ASYNC_DB"),
        ("embedded", "default"),
    ]
    word, source = next((word, source) for word, source in asked if word)
    if word == "embedded":
        return Choice("embedded", source)
    if word == "compose":
        return Choice("compose", source, compose_url())
    return Choice("url", source, parse_url(word, source))


def parse_url(text: str, source: str) -> URL:
    """The URL in text, with an asyncio driver: asyncpg where none is named."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise CouldNotRun(
            "this is neither a database URL, nor embedded, nor compose",
            source,
            f"{source}=postgresql://user:password@host:5432/database, or embedded, or compose",
        ) from None
    backend, _, driver = url.drivername.partition("+")
    if backend not in ("postgres", "postgresql") or (driver and driver not in DRIVERS):
        raise CouldNotRun(
            f"{url.drivername} is not PostgreSQL through an asyncio driver ({', '.join(DRIVERS)})",
            f"the URL from {source}",
            "postgresql+asyncpg://user:password@host:5432/database",
        )
    return url.set(drivername=f"postgresql+{driver or DRIVERS[0]}")


def compose_url() -> URL:
    """Where docker-compose.yml publishes its database."""
    port = os.environ.get(COMPOSE_PORT, "5432")
    if not port.isdecimal():
        raise CouldNotRun(f"{port!r} is not a port", COMPOSE_PORT, f"{COMPOSE_PORT}=5432")
    return URL.create(
        "postgresql+asyncpg",
        "docker",
        "docker",
        host="127.0.0.1",
        port=int(port),
        database="docker",
    )


def with_driver(url: URL, driver: str) -> URL:
    """The same database through another driver."""
    return url.set(drivername=f"postgresql+{driver}")


def chosen_driver(url: URL, driver: str | None) -> URL:
    """The same database through the driver from --driver or ORM_ASYNC_DRIVER, if one is named.

    Raises CouldNotRun for an unknown driver.
    """
    driver = driver or os.environ.get("ORM_ASYNC_DRIVER")
    if not driver:
        return url
    if driver not in DRIVERS:
        raise CouldNotRun(
            f"{driver!r} is not a driver that is known here",
            "--driver or ORM_ASYNC_DRIVER",
            f"--driver {' or --driver '.join(DRIVERS)}",
        )
    return with_driver(url, driver)


@contextmanager
def open_database(
    db: str | None = None,
    driver: str | None = None,
    purpose: Purpose = SCRIPTS,
    pooler: str = "",
) -> Iterator[Database]:
    """Open the chosen database; the embedded server for this purpose is up until the block ends.

    Raises CouldNotRun. Nothing is connected to yet: an unreachable URL is found by its first use.
    """
    choice = choose(db)
    through = f", through PgBouncer ({pooler})" if pooler else ""
    if choice.url is not None:
        url = chosen_driver(choice.url, driver)
        shown = url.render_as_string(hide_password=True)
        label = f"{choice.kind} {shown} (from {choice.source}){through}"
        yield Database(url, choice.kind, label, pooler)
        return
    with lease(purpose) as server:
        url = chosen_driver(socket_url(server), driver)
        whose = "" if purpose is SCRIPTS else f" of the {purpose.name}"
        name = f"embedded PostgreSQL {server.version}{whose} ({server.provider})"
        yield Database(url, "embedded", f"{name}, {server.found}{through}", pooler)


def socket_url(server: Login) -> URL:
    """The database of a server of ours, by its socket."""
    return URL.create(
        f"postgresql+{DRIVERS[0]}",
        server.user,
        server.password,
        database=NAME,
        query={"host": str(server.socket_directory)},
    )


def make_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """A session factory whose objects can be read after a commit (test6 shows why)."""
    return async_sessionmaker(engine, expire_on_commit=False)


def application_name(driver: str, name: str) -> dict[str, Any]:
    """connect_args that make a driver's connections show up under a name in pg_stat_activity."""
    settings = {"application_name": name}
    return settings if driver == "psycopg" else {"server_settings": settings}


REFUSALS = {
    "28P01": "the password is wrong",
    "28000": "the server does not let this user in",
    "3D000": "there is no such database",
    "53300": "the server has no connection left",
    "57P03": "the server is starting up or shutting down",
}


@asynccontextmanager
async def connect(database: Database, name: str, **options: Any) -> AsyncIterator[AsyncConnection]:
    """One connection, by this name in pg_stat_activity, on an engine that is disposed afterwards.

    The engine has no pool; options are those of create_async_engine.
    Raises CouldNotRun if the server cannot be reached or refuses.
    """
    arguments = application_name(database.driver, name)
    engine = create_async_engine(
        database.url, poolclass=NullPool, connect_args=arguments, **options
    )
    try:
        connection = await _first(engine, database)
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


async def _first(engine: AsyncEngine, database: Database) -> AsyncConnection:
    try:
        return await engine.connect()
    except (OSError, DBAPIError) as error:
        raise _unusable(database, error) from error
    except Exception as error:
        if getattr(error, "sqlstate", None) not in REFUSALS:  # asyncpg's own, not wrapped by 2.0
            raise
        raise _unusable(database, error) from error


def _unusable(database: Database, error: Exception) -> CouldNotRun:
    driver_error = getattr(error, "orig", error)
    sqlstate = getattr(driver_error, "sqlstate", None)
    what = REFUSALS.get(sqlstate or "", str(driver_error).strip().splitlines()[0])
    start = " (docker compose up -d --wait)" if database.kind == "compose" else ""
    return CouldNotRun(
        f"no connection: {what}",
        database.label,
        f"start that database{start}, or correct its URL, or unset it: embedded is the default",
    )
