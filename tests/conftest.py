"""Fixtures for all tests: one embedded server for the run, and one database for every worker."""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine

from orm_async_tests import db, migrations, urls
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.environment import requirements

pytest.register_assert_rewrite("orm_async_tests.scripts")

CHOICES = ("DATABASE_URL", "ORM_ASYNC_DB", "ORM_ASYNC_DRIVER", "ORM_ASYNC_PG_BIN")
IDLE = "3"  # seconds, so that the server stops soon after the run


def pytest_configure() -> None:
    """Fail before the first test if a requirement in ORM_ASYNC_REQUIRE is missing.

    If a shell runs pytest in the background, pytest and the programs that tests start ignore
    Ctrl-C. Restore the signal, because some tests interrupt these programs.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        requirements.require()
    except CouldNotRun as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_finish() -> None:
    """Exclude modules from garbage collections, because many tests run the garbage collector."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The embedded server's folder, which all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    run = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with pytest.MonkeyPatch.context() as patch:
        for name in CHOICES:
            patch.delenv(name, raising=False)
        patch.setenv("ORM_ASYNC_HOME", str(run / "home"))
        patch.setenv("ORM_ASYNC_IDLE", IDLE)
        yield run / "home"


@pytest.fixture(scope="session")
def database(home: Path) -> Iterator[db.Database]:
    """A migrated database that only this worker uses."""
    with create_database(migrations.TRACKING) as database:
        yield database


@pytest.fixture
def empty_database(home: Path) -> Iterator[db.Database]:
    """A database without tables."""
    with create_database() as database:
        yield database


@contextmanager
def create_database(*histories: migrations.History) -> Iterator[db.Database]:
    """Create a database with the tables of some Alembic histories, and drop it at the end."""
    name = f"test_{uuid4().hex}"
    with db.open_database("embedded") as server:
        execute(server, f"CREATE DATABASE {name}")
        database = replace(server, url=server.url.set(database=name), kind="url", label=name)
        if histories:
            with connect(database) as connection:
                migrations.upgrade(connection, *histories)
        yield database
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def make_sync_engine(database: db.Database) -> Engine:
    """Return an engine for tests that need no event loop."""
    return create_engine(urls.with_driver(database.url, "psycopg"), poolclass=NullPool)


def connect(database: db.Database) -> Connection:
    """Return a connection in AUTOCOMMIT for tests that need no event loop."""
    return make_sync_engine(database).connect().execution_options(isolation_level="AUTOCOMMIT")


def execute(database: db.Database, *statements: str) -> list[object]:
    """Execute statements in AUTOCOMMIT, and return the first value of each result."""
    with connect(database).execution_options(no_parameters=True) as connection:
        results = map(connection.exec_driver_sql, statements)
        return [result.scalar() if result.returns_rows else None for result in results]


def with_url(database: db.Database) -> dict[str, str]:
    """Return environment variables that make a command use this database."""
    return {**os.environ, "DATABASE_URL": database.url.render_as_string(hide_password=False)}
