"""SQLite through aiosqlite, for claims that are SQLAlchemy's alone: a file for each command."""

import importlib.util
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.definitions.variants import select_arguments
from orm_async_tests.harness.environment.script_database import Playground, World
from orm_async_tests.stack_options import SQLITE


@contextmanager
def open_database(db_: str | None, driver: str | None, pooler: str) -> Iterator[db.Database]:
    """A new file if the driver is aiosqlite, else the PostgreSQL that is asked for.

    Raises CouldNotRun.
    """
    if driver != SQLITE:
        with db.open_database(db_, driver, pooler=pooler) as database:
            yield database
        return
    if db_ or pooler:
        what = f"{SQLITE} has a database of its own, in a file"
        raise CouldNotRun(what, "--db or --pooler", f"--driver {SQLITE} without them")
    if importlib.util.find_spec(SQLITE) is None:
        raise CouldNotRun(f"{SQLITE} is not installed", "--driver", f"pip install {SQLITE}")
    import sqlite3

    with tempfile.TemporaryDirectory(prefix="orm-async-") as folder:
        url = URL.create(f"sqlite+{SQLITE}", database=f"{folder}/scripts.sqlite")
        yield db.Database(url, "file", f"SQLite {sqlite3.sqlite_version} in a new file")


@asynccontextmanager
async def entered(database: db.Database) -> AsyncIterator["SqlitePlayground"]:
    """The file, over a connection that no variant ever sees."""
    engine = create_async_engine(database.url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            yield SqlitePlayground(connection)
    finally:
        await engine.dispose()


class SqlitePlayground(Playground):
    """The tables of scripts in a file."""

    async def reset(
        self, base: type[DeclarativeBase], world: World | None, values: Mapping[str, Any]
    ) -> None:
        """Make the tables anew, and load the script's world."""
        await self._connection.run_sync(base.metadata.drop_all)
        await self._connection.run_sync(base.metadata.create_all)
        if world is not None:
            await world(**select_arguments(world, {"connection": self._connection, **values}))

    async def settings(self) -> dict[str, str]:
        """The version, and the settings that could change a verdict."""
        version = await self._connection.scalar(text("SELECT sqlite_version()"))
        found = {"sqlite_version": str(version)}
        for name in ("foreign_keys", "journal_mode", "synchronous"):
            found[name] = str(await self._connection.scalar(text(f"PRAGMA {name}")))
        return found
