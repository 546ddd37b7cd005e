"""The database that scripts share: locked, migrated, and reset to a few rows before a variant."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import URL, MetaData, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from orm_async_tests import db, migrations, models
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.definitions.variants import select_arguments
from orm_async_tests.harness.environment import privileges
from orm_async_tests.models import TrackPoint, User

World = Callable[..., Awaitable[None]]  # loads rows over a `connection`; it may ask for options
LOCK = 970130954  # an advisory lock, held while a command uses the database
USERS, POINTS = 3, 2  # points of each user
ADMIN = "orm_async_tests admin"

EMPTY = "TRUNCATE users, track_points RESTART IDENTITY CASCADE"
START = datetime(2010, 10, 3, 9, 36, 30, tzinfo=UTC)
WORLD = (
    (User, [{"username": f"username-{user}"} for user in range(1, USERS + 1)]),
    (
        TrackPoint,
        [
            {
                "user_id": user,
                "lat": 45 + user,
                "lon": 14 + point,
                "date": START + timedelta(minutes=point),
            }
            for user in range(1, USERS + 1)
            for point in range(1, POINTS + 1)
        ],
    ),
)
# The server's settings that could change a verdict.
SETTINGS = (
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "client_encoding",
    "deadlock_timeout",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "fsync",
    "idle_in_transaction_session_timeout",
    "jit",
    "lc_collate",
    "lock_timeout",
    "max_connections",
    "max_prepared_transactions",
    "password_encryption",
    "plan_cache_mode",
    "search_path",
    "server_encoding",
    "server_version",
    "server_version_num",
    "shared_preload_libraries",
    "standard_conforming_strings",
    "statement_timeout",
    "synchronous_commit",
    "transaction_timeout",
    "wal_level",
)
ASK = """
    SELECT name, setting FROM pg_settings WHERE name = ANY(:names)
    UNION SELECT 'lc_collate', datcollate::text FROM pg_database
    WHERE datname = current_database()
"""


async def usual_world(connection: AsyncConnection) -> None:
    """username-1 to username-3, with two points each."""
    for table, rows in WORLD:
        await connection.execute(insert(table), rows)


@asynccontextmanager
async def entered(database: db.Database) -> AsyncIterator["Playground"]:
    """Lock the database for this command, and migrate it.

    Waits, and says so, while another command has it. Raises CouldNotRun if it cannot be reached or
    is somebody else's or the service's.
    """
    async with db.connect(database, ADMIN, isolation_level="AUTOCOMMIT") as connection:
        if database.kind != "embedded":  # that one is the scripts': the service has its own
            await connection.run_sync(migrations.refuse_service)
        try:
            await _lock(connection)
        except DBAPIError as error:
            raise _unlocked(error, database.label) from error
        try:
            await migrations.ensure(connection, migrations.TRACKS)
        except DBAPIError as error:
            raise _unfit(error, database.label) from error
        yield Playground(connection)


async def load(
    base: type[DeclarativeBase], world: World | None, values: Mapping[str, Any], url: URL
) -> None:
    """Make the tables in an empty database of our own, and load the world into it."""
    database = db.Database(url, "url", "the primary")
    async with db.connect(database, ADMIN, isolation_level="AUTOCOMMIT") as connection:
        await connection.run_sync(models.Base.metadata.create_all)
        await Playground(connection).reset(base, world, values)


def _unfit(error: DBAPIError, where: str) -> CouldNotRun:
    return CouldNotRun(
        f"the tables of the scripts cannot be made: {error.orig}",
        where,
        "the URL of a role that owns its database, or of another server",
    )


def _unlocked(error: DBAPIError, where: str) -> CouldNotRun:
    return CouldNotRun(
        f"commands cannot wait for each other: {error.orig}",
        where,
        "GRANT EXECUTE on pg_try_advisory_lock and pg_advisory_lock, or another server",
    )


async def _lock(connection: AsyncConnection) -> None:
    if not await connection.scalar(text(f"SELECT pg_try_advisory_lock({LOCK})")):
        print("another command is using this database: waiting for it to finish", file=sys.stderr)
        await connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))


class Playground:
    """The database while this command has it, over a connection that no variant ever sees."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.admin: AsyncEngine = connection.engine
        self._connection = connection

    async def reset(
        self, base: type[DeclarativeBase], world: World | None, values: Mapping[str, Any]
    ) -> None:
        """Empty the tables, make the script's own, and load its world."""
        await self._connection.execute(text(EMPTY))
        await self._own_tables(base.metadata)
        if world is not None:
            await world(**select_arguments(world, {"connection": self._connection, **values}))

    async def _own_tables(self, metadata: MetaData) -> None:
        if metadata is models.Base.metadata:
            return
        schema = metadata.schema
        await self._connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        await self._connection.execute(text(f"CREATE SCHEMA {schema}"))
        await self._connection.run_sync(metadata.create_all)

    async def denied(self, base: type[DeclarativeBase], functions: Collection[str]) -> list[str]:
        """What a script with these tables and calls needs, and this role may not do."""
        own = base.metadata is not models.Base.metadata
        return await privileges.denied(self._connection, functions, own_schema=own)

    async def settings(self) -> dict[str, str]:
        """Those that could change a verdict, where the server has them and this role sees them."""
        rows = await self._connection.execute(text(ASK), {"names": [*SETTINGS]})
        return dict(sorted((name, setting) for name, setting in rows))
