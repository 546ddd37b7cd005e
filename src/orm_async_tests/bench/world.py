"""What the workloads work on: a database with users, points, and a table to write to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

from sqlalchemy import URL, text

from orm_async_tests import db, migrations
from orm_async_tests.bench.contenders.given import USERS
from orm_async_tests.bench.tables import Base

NAME = "orm_async_tests bench"
AUTO = {"isolation_level": "AUTOCOMMIT"}
WALKERS = f"INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {USERS}) n"
POINTS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % {USERS}, n % 90 + 0.25, n % 180 + 0.125, '2026-01-01Z'::timestamptz
    FROM generate_series({{first}}, {{end}} - 1) n"""


@dataclass(frozen=True)
class Sizes:
    """How much a workload does in a turn."""

    write: int = 10_000
    read: int = 100_000
    gets: int = 1000


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
