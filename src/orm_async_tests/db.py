"""Opens the database of the scripts, the service and Alembic, and connects to it."""

import asyncio
import importlib.util
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import URL, NullPool
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.extras import install_extra
from orm_async_tests.postgres import SCRIPTS, ClusterKind, Login, lease, require_descriptors
from orm_async_tests.postgres.cluster import DATABASE
from orm_async_tests.stack_options import DRIVERS, SQLITE, choose_database
from orm_async_tests.urls import DEFAULT_PORT, check_port, hide_secrets, parse_url, with_driver

Kind = Literal["embedded", "compose", "url", "file"]

COMPOSE_PORT = "ORM_ASYNC_COMPOSE_PORT"
ANSWERS_WITHIN = 5.0  # seconds until a connection without an answer counts as lost


@dataclass(frozen=True)
class Choice:
    """The chosen database, and the option or variable that chose it."""

    kind: Kind
    source: str
    url: URL | None = None  # in the portable form; None for the embedded server


@dataclass(frozen=True)
class Database:
    """An open database: its URL, and its description for messages."""

    url: URL  # in the form for its driver
    kind: Kind
    label: str
    pooler: str = ""  # the mode of the PgBouncer that variants go through

    @property
    def driver(self) -> str:
        return self.url.get_driver_name()


def choose(db: str | None = None, option: str = "--db") -> Choice:
    """Choose the database that an option or a variable names, without connecting to it.

    The parameter `db` is the value of the option. Raise CouldNotRun unless the value is `embedded`,
    `compose` or a PostgreSQL URL.
    """
    word, source = choose_database(db, option)
    if word == "embedded":
        return Choice("embedded", source)
    if word == "compose":
        return Choice("compose", source, compose_url())
    return Choice("url", source, parse_url(word, source))


def compose_url() -> URL:
    port = check_port(os.environ.get(COMPOSE_PORT, str(DEFAULT_PORT)), COMPOSE_PORT)
    return URL.create(
        "postgresql+asyncpg", "docker", "docker", host="127.0.0.1", port=port, database="docker"
    )


def choose_driver(url: URL, driver: str | None, source: str = "") -> URL:
    """Return the URL with the chosen driver.

    `--driver` overrides `ORM_ASYNC_DRIVER`, which overrides the driver in the URL. The parameter
    `source` names the origin of the URL, for example "--db". Raise CouldNotRun if the driver is
    unknown, is not installed or does not support the URL.
    """
    option = "--driver" if driver else "ORM_ASYNC_DRIVER"
    driver = driver or os.environ.get("ORM_ASYNC_DRIVER") or url.get_driver_name()
    if driver not in DRIVERS:
        problem = f"{driver!r} is not a driver for PostgreSQL"
        raise CouldNotRun(problem, option, f"choose {' or '.join(DRIVERS)}")
    if importlib.util.find_spec(driver) is None:
        extra = driver if driver == "psycopg" else "scripts"
        raise CouldNotRun(f"{driver} is not installed", "this Python", install_extra(extra))
    return with_driver(url, driver, source)


@contextmanager
def open_database(
    db: str | None = None,
    driver: str | None = None,
    cluster_kind: ClusterKind = SCRIPTS,
    pooler: str = "",
    option: str = "--db",
) -> Iterator[Database]:
    """Open the chosen database without connecting to it.

    The embedded server runs at least until the end of the `with` block. Raise CouldNotRun if an
    option or a variable is wrong, or if the embedded server does not start.
    """
    require_descriptors()
    choice = choose(db, option)
    through = f", through PgBouncer ({pooler})" if pooler else ""
    if choice.url is not None:
        url = choose_driver(choice.url, driver, choice.source)
        label = f"{choice.kind} {hide_secrets(url)} (from {choice.source}){through}"
        yield Database(url, choice.kind, label, pooler)
        return
    with lease(cluster_kind) as server:
        url = choose_driver(socket_url(server), driver)
        whose = "" if cluster_kind is SCRIPTS else f" of the {cluster_kind.name}"
        name = f"embedded PostgreSQL {server.version}{whose} ({server.provider})"
        yield Database(url, "embedded", f"{name}, {server.launch}{through}", pooler)


def socket_url(server: Login) -> URL:
    return URL.create(
        f"postgresql+{DRIVERS[0]}",
        server.user,
        server.password,
        database=DATABASE,
        query={"host": str(server.socket_directory)},
    )


def application_name(driver: str, name: str) -> dict[str, Any]:
    """Return `connect_args` that set the name of a connection in pg_stat_activity."""
    if driver == SQLITE:
        return {}
    settings = {"application_name": name}
    return settings if driver == "psycopg" else {"server_settings": settings}


def sqlstate(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error, or None."""
    for source in (error, getattr(error, "orig", None), getattr(error, "__cause__", None)):
        state = getattr(source, "sqlstate", None)
        if isinstance(state, str):
            return state
    return None


REFUSALS = {
    "28P01": "the password is wrong or missing",
    "28000": "the server does not accept this user",
    "3D000": "the database does not exist",
    "42P05": "the URL leads to a pooler in transaction mode, instead of to the server itself",
    "53300": "the server has no connection left",
    "57P03": "the server is starting up or shutting down",
}


@asynccontextmanager
async def connect(database: Database, name: str, **options: Any) -> AsyncIterator[AsyncConnection]:
    """Open one connection without a pool, with `name` as its application_name.

    The options are arguments of `create_async_engine()`. Raise CouldNotRun if the connection fails,
    or if the block raises an error and the connection is lost.
    """
    named = application_name(database.driver, name)
    engine = create_async_engine(database.url, poolclass=NullPool, connect_args=named, **options)
    try:
        try:
            connection = await engine.connect()
        except Exception as error:
            # SQLAlchemy 2.0 does not wrap asyncpg's errors during a connect. No release wraps the
            # ValueError for a host name that cannot be encoded.
            is_asyncpgs = type(error).__module__.startswith("asyncpg")
            if not (
                is_asyncpgs or isinstance(error, OSError | DBAPIError | ValueError | ImportError)
            ):
                raise
            raise _no_connection(database, error) from error
        try:
            yield connection
        except Exception as error:
            if not await _is_lost(connection):
                raise
            problem = "the connection was lost, for example because the server stopped"
            remedy = "start the database, and run the command again"
            raise CouldNotRun(problem, database.label, remedy) from error
        finally:
            await connection.close()
    finally:
        await engine.dispose()


async def _is_lost(connection: AsyncConnection) -> bool:
    if connection.invalidated:
        return True
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            await connection.exec_driver_sql("SELECT 1")
    except OSError:  # SQLAlchemy does not invalidate the connection after an OSError
        await connection.invalidate()
    except SQLAlchemyError:  # also raised in a failed transaction
        pass
    return connection.invalidated


def _no_connection(database: Database, error: Exception) -> CouldNotRun:
    driver_error = getattr(error, "orig", error)
    message = str(driver_error).strip() or type(driver_error).__name__
    problem = REFUSALS.get(sqlstate(error) or "", message.splitlines()[0])
    start = " (docker compose up -d --wait)" if database.kind == "compose" else ""
    return CouldNotRun(
        f"no connection: {problem}",
        database.label,
        f"start the database{start}, or correct the URL, or omit the URL to use embedded",
    )
