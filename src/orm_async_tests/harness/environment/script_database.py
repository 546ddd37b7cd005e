"""Opens the database of the scripts, and resets it before every variant.

Some scripts also run on SQLite. A command that uses SQLite creates a new SQLite file.
"""

import importlib.util
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import URL, MetaData, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from orm_async_tests import db, migrations, models
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.extras import install_extra
from orm_async_tests.harness.definitions.variants import select_arguments
from orm_async_tests.models import TrackPoint, User
from orm_async_tests.stack_options import DRIVERS, POOLER_MODES, SQLITE

Seed = Callable[..., Awaitable[None]]  # takes `connection`, and options of the script
ADVISORY_LOCK = 970130954  # the command that uses the database holds this lock
USERS, POINTS_PER_USER = 3, 2
ADMIN = "orm_async_tests admin"

LOCK_TIMEOUT = "SET lock_timeout = '60s'"  # a lost connection may hold a lock forever
TRUNCATE_TABLES = "TRUNCATE users, track_points RESTART IDENTITY CASCADE"
START, MINUTE = datetime(2010, 10, 3, 9, 36, 30, tzinfo=UTC), timedelta(minutes=1)
# Server settings that could affect a verdict.
SETTINGS = tuple(
    """DateStyle IntervalStyle TimeZone client_encoding deadlock_timeout
    default_transaction_deferrable default_transaction_isolation default_transaction_read_only
    fsync idle_in_transaction_session_timeout jit lc_collate lock_timeout max_connections
    max_prepared_transactions password_encryption plan_cache_mode search_path server_encoding
    server_version server_version_num shared_preload_libraries standard_conforming_strings
    statement_timeout synchronous_commit transaction_timeout wal_level""".split()  # noqa: SIM905
)
READ_SETTINGS = """
    SELECT name, setting FROM pg_settings WHERE name = ANY(:names)
    UNION SELECT 'lc_collate', datcollate::text FROM pg_database
    WHERE datname = current_database()
"""
BUSY_BACKENDS = text("""
    SELECT pid FROM pg_stat_activity WHERE datname = current_database()
    AND usename = current_user AND state <> 'idle' AND application_name <> :admin
""")
END_BACKENDS = text("SELECT pg_terminate_backend(pid) FROM unnest(CAST(:pids AS int[])) AS pid")
MAY_CREATE_SCHEMA = text("SELECT has_database_privilege(current_database(), 'CREATE')")
MISSING_FUNCTIONS = text("""
    SELECT wanted FROM unnest(CAST(:names AS text[])) wanted WHERE NOT EXISTS (
        SELECT FROM pg_proc WHERE proname = wanted AND has_function_privilege(oid, 'EXECUTE'))
    ORDER BY wanted
""")


async def default_seed(connection: AsyncConnection) -> None:
    users = [{"username": f"username-{user}"} for user in range(1, USERS + 1)]
    points = [
        {"user_id": user, "lat": 45 + user, "lon": 14 + point, "date": START + MINUTE * point}
        for user in range(1, USERS + 1)
        for point in range(1, POINTS_PER_USER + 1)
    ]
    await connection.execute(insert(User), users)
    await connection.execute(insert(TrackPoint), points)


@contextmanager
def open_chosen_database(db_: str | None, driver: str | None, pooler: str) -> Iterator[db.Database]:
    """Open the PostgreSQL database, or a new SQLite file for aiosqlite, and print its name."""
    if driver and driver not in (*DRIVERS, SQLITE):
        remedy = f"choose {', '.join(DRIVERS)} or {SQLITE}"
        raise CouldNotRun(f"there is no driver {driver!r}", "--driver", remedy)
    if pooler and pooler not in POOLER_MODES:
        remedy = f"--pooler {' or --pooler '.join(POOLER_MODES)}"
        raise CouldNotRun(f"there is no pooler mode {pooler!r}", "--pooler", remedy)
    if driver == SQLITE and (db_ or pooler):
        problem = f"{SQLITE} uses a new file as its database"
        raise CouldNotRun(problem, "--db or --pooler", f"use --driver {SQLITE} alone")
    opened = _open_file() if driver == SQLITE else db.open_database(db_, driver, pooler=pooler)
    with opened as database:
        print(f"db: {database.label}, {database.driver}", file=sys.stderr)
        yield database


@contextmanager
def _open_file() -> Iterator[db.Database]:
    if importlib.util.find_spec(SQLITE) is None:
        raise CouldNotRun(f"{SQLITE} is not installed", "--driver", install_extra("sqlite"))
    import sqlite3

    with tempfile.TemporaryDirectory(prefix="orm-async-") as folder:
        url = URL.create(f"sqlite+{SQLITE}", database=f"{folder}/scripts.sqlite")
        yield db.Database(url, "file", f"SQLite {sqlite3.sqlite_version} in a new file")


@asynccontextmanager
async def open_script_database(database: db.Database) -> AsyncIterator["ScriptDatabase"]:
    """Lock the database for this command, and migrate its tables.

    Wait while another command has locked the database. Raise CouldNotRun if the database cannot be
    reached or belongs to another program.
    """
    async with db.connect(database, ADMIN, isolation_level="AUTOCOMMIT") as connection:
        if database.kind == "file":
            yield SqliteScriptDatabase(connection)
            return
        if database.kind != "embedded":  # the embedded server has a separate database
            await connection.run_sync(migrations.refuse_service)
            await connection.run_sync(migrations.refuse_read_only, database.label)
        try:
            locked = await connection.scalar(text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})"))
            if not locked:
                print("waiting for another command, which is using this database", file=sys.stderr)
                await connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
            await connection.run_sync(migrations.upgrade, migrations.TRACKING)
        except DBAPIError as error:
            problem = f"the tables of the scripts cannot be created or locked: {error.orig}"
            raise CouldNotRun(problem, database.label, migrations.GRANT_RIGHT) from error
        yield ScriptDatabase(connection)


async def fill_database(
    base: type[DeclarativeBase], seed: Seed | None, options: Mapping[str, Any], url: URL
) -> None:
    database = db.Database(url, "url", "the primary")
    async with db.connect(database, ADMIN, isolation_level="AUTOCOMMIT") as connection:
        await connection.run_sync(models.Base.metadata.create_all)
        await ScriptDatabase(connection).reset(base, seed, options)


class ScriptDatabase:
    def __init__(self, connection: AsyncConnection) -> None:
        self.admin: AsyncEngine = connection.engine
        self._connection = connection

    async def reset(
        self, base: type[DeclarativeBase], seed: Seed | None, options: Mapping[str, Any]
    ) -> None:
        """Empty the tables, and insert the script's rows.

        Raise CouldNotRun if a table stays locked.
        """
        await self._empty_tables(base.metadata)
        if seed is not None:
            await seed(**select_arguments(seed, {"connection": self._connection, **options}))

    async def _empty_tables(self, metadata: MetaData) -> None:
        try:
            await self._connection.execute(text(LOCK_TIMEOUT))
            await self._connection.execute(text(TRUNCATE_TABLES))
            if metadata is not models.Base.metadata:
                schema = metadata.schema
                await self._connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
                await self._connection.execute(text(f"CREATE SCHEMA {schema}"))
                await self._connection.run_sync(metadata.create_all)
        except DBAPIError as error:
            if db.sqlstate(error) != "55P03":
                raise
            problem = "the tables cannot be emptied, because another connection uses them"
            raise CouldNotRun(
                f"{problem}: {error.orig}",
                f"the database {self.admin.url.database}",
                "run orm-async-tests db psql, and end the open transactions in pg_stat_activity",
            ) from error
        finally:
            await self._connection.execute(text("RESET lock_timeout"))

    async def find_busy_backends(self) -> set[int]:
        """Return the PIDs of the backends that run a statement or have an open transaction."""
        rows = await self._connection.execute(BUSY_BACKENDS, {"admin": ADMIN})
        return {pid for (pid,) in rows}

    async def end_busy_backends(self, kept: set[int]) -> None:
        """Terminate the busy backends, except those in the set `kept`."""
        # Outside asyncio's own event loop, a lost connection may stay open and hold locks.
        if lost := await self.find_busy_backends() - kept:
            await self._connection.execute(END_BACKENDS, {"pids": [*lost]})

    async def find_denied(self, base: type[DeclarativeBase], functions: Collection[str]) -> str:
        """Return which privilege the role lacks and how to grant it, or ""."""
        if self.admin.name == "sqlite":
            return ""  # an SQLite file has no roles
        creates_schema = base.metadata is not models.Base.metadata
        if creates_schema and not await self._connection.scalar(MAY_CREATE_SCHEMA):
            return "needs the right to create a schema: GRANT CREATE ON DATABASE, to this role"
        missing = await self._connection.scalars(MISSING_FUNCTIONS, {"names": [*functions]})
        names = "() and ".join(missing)
        return names and f"needs {names}(), which this role may not call: GRANT EXECUTE"

    async def read_settings(self) -> dict[str, str]:
        rows = await self._connection.execute(text(READ_SETTINGS), {"names": [*SETTINGS]})
        return dict(sorted((name, setting) for name, setting in rows))


class SqliteScriptDatabase(ScriptDatabase):
    async def _empty_tables(self, metadata: MetaData) -> None:
        await self._connection.run_sync(metadata.drop_all)
        await self._connection.run_sync(metadata.create_all)

    async def find_busy_backends(self) -> set[int]:
        return set()

    async def read_settings(self) -> dict[str, str]:
        version = await self._connection.scalar(text("SELECT sqlite_version()"))
        settings = {"sqlite_version": str(version)}
        for name in ("foreign_keys", "journal_mode", "synchronous"):
            settings[name] = str(await self._connection.scalar(text(f"PRAGMA {name}")))
        return settings
