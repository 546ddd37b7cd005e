"""What the workloads work on: a database of its own, a table to write to, and both libraries."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine as make_async_engine

from orm_async_tests import db, migrations
from orm_async_tests.bench.tables import Base

NAME = "orm_async_tests bench"
AUTO = {"isolation_level": "AUTOCOMMIT"}
USERS, TASKS = 1000, 10
START = datetime(2026, 1, 1, tzinfo=UTC)
WALKERS = f"INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {USERS}) n"
POINTS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % {USERS}, n % 90 + 0.25, n % 180 + 0.125, '2026-01-01Z'::timestamptz
    FROM generate_series({{first}}, {{end}} - 1) n"""


@dataclass(frozen=True)
class Sizes:
    """How much a workload does in a turn."""

    write: int = 10_000
    read: int = 100_000
    gets: int = 200


@dataclass(frozen=True)
class World:
    """The two libraries on one database, with warm connections."""

    sizes: Sizes
    raw: Any  # asyncpg's connection, which has no types
    pool: Any
    engine: AsyncEngine
    Session: async_sessionmaker[AsyncSession]
    Reads: async_sessionmaker[AsyncSession]  # in AUTOCOMMIT

    def marks(self) -> list[dict[str, Any]]:
        """Rows to be inserted, without ids."""
        return [
            {"user_id": 1 + n % USERS, "lat": n % 90 + 0.25, "lon": n % 180 + 0.5, "date": date}
            for n in range(self.sizes.write)
            for date in [START + timedelta(seconds=n)]
        ]

    def changes(self) -> list[dict[str, Any]]:
        """What becomes of the rows with ids."""
        return [{**mark, "id": n, "lat": 1.5} for n, mark in enumerate(self.marks(), 1)]


@asynccontextmanager
async def database_made(server: db.Database, sizes: Sizes) -> AsyncIterator[URL]:
    """The URL of a database with users, points, and the empty table; dropped afterwards."""
    name = f"bench_{uuid4().hex}"
    async with db.connect(server, NAME, **AUTO) as admin:
        await admin.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            own = replace(server, url=server.url.set(database=name), kind="url", label=name)
            async with db.connect(own, NAME, **AUTO) as connection:
                await migrations.ensure(connection, migrations.TRACKS)
                await connection.run_sync(Base.metadata.create_all)
                for statement in (
                    WALKERS,
                    POINTS.format(first=0, end=sizes.read),
                    "VACUUM ANALYZE",
                ):
                    await connection.execute(text(statement))
            yield own.url
        finally:
            await admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def world_on(url: URL, sizes: Sizes) -> AsyncIterator[World]:
    """Both libraries, connected."""
    import asyncpg

    login: dict[str, Any] = {"user": url.username, "password": url.password, "port": url.port}
    login |= {"host": url.query.get("host", url.host), "database": url.database}
    async with AsyncExitStack() as stack:
        engine = make_async_engine(url, pool_size=TASKS, max_overflow=0)
        stack.push_async_callback(engine.dispose)
        pool = await stack.enter_async_context(
            asyncpg.create_pool(**login, min_size=TASKS, max_size=TASKS)
        )
        raw = await asyncpg.connect(**login)
        stack.push_async_callback(raw.close)
        reads = db.make_sessions(engine.execution_options(**AUTO))
        yield World(sizes, raw, pool, engine, db.make_sessions(engine), reads)
