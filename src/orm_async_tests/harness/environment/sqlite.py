"""SQLite through aiosqlite, for claims that need no PostgreSQL: one new file per command."""

import importlib.util
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun, install_extra
from orm_async_tests.harness.definitions.variants import select_arguments
from orm_async_tests.harness.environment.script_database import ScriptDatabase, Seed
from orm_async_tests.stack_options import SQLITE


@contextmanager
def open_database(db_: str | None, driver: str | None, pooler: str) -> Iterator[db.Database]:
    """Open a new SQLite file if the driver is aiosqlite, else the PostgreSQL database `db_`.

    Raise CouldNotRun if the database cannot be opened, or if the options contradict each other.
    """
    if driver != SQLITE:
        with db.open_database(db_, driver, pooler=pooler) as database:
            yield database
        return
    if db_ or pooler:
        problem = f"{SQLITE} uses a new file as its database"
        raise CouldNotRun(problem, "--db or --pooler", f"--driver {SQLITE} without them")
    if importlib.util.find_spec(SQLITE) is None:
        raise CouldNotRun(f"{SQLITE} is not installed", "--driver", install_extra("sqlite"))
    import sqlite3

    with tempfile.TemporaryDirectory(prefix="orm-async-") as folder:
        url = URL.create(f"sqlite+{SQLITE}", database=f"{folder}/scripts.sqlite")
        yield db.Database(url, "file", f"SQLite {sqlite3.sqlite_version} in a new file")


@asynccontextmanager
async def open_script_database(database: db.Database) -> AsyncIterator["SqliteScriptDatabase"]:
    """Open the file over a connection that no variant uses."""
    engine = create_async_engine(database.url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            yield SqliteScriptDatabase(connection)
    finally:
        await engine.dispose()


class SqliteScriptDatabase(ScriptDatabase):
    """The tables of the scripts in a SQLite file."""

    async def reset(
        self, base: type[DeclarativeBase], seed: Seed | None, options: Mapping[str, Any]
    ) -> None:
        """Drop and create the tables, and seed them."""
        await self._connection.run_sync(base.metadata.drop_all)
        await self._connection.run_sync(base.metadata.create_all)
        if seed is not None:
            await seed(**select_arguments(seed, {"connection": self._connection, **options}))

    async def busy_backends(self) -> set[int]:
        """Return nothing: SQLite has no backends."""
        return set()

    async def settings(self) -> dict[str, str]:
        """Return the version of SQLite and the settings that could affect a verdict."""
        version = await self._connection.scalar(text("SELECT sqlite_version()"))
        settings = {"sqlite_version": str(version)}
        for name in ("foreign_keys", "journal_mode", "synchronous"):
            settings[name] = str(await self._connection.scalar(text(f"PRAGMA {name}")))
        return settings
