"""Fills the tables before a measurement, and reads the written rows after it."""

import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from benchmarks.patterns.contenders import Pattern
from benchmarks.patterns.contenders.asyncpg import dsn_of
from benchmarks.patterns.contenders.sqlalchemy import Base
from benchmarks.patterns.work import USERS, Tally, Work
from orm_async_tests import db, migrations
from orm_async_tests.errors import CouldNotRun

APPLICATION = "orm_async_tests bench"
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}
ADD_USERS = f"INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {USERS}) n"
ADD_POINTS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % {USERS}, n % 90 + 0.25, n % 180 + 0.125, '2026-01-01Z'::timestamptz
    FROM generate_series(0, {{read}} - 1) n"""
# Before a turn of these workloads, the table holds this part of the rows that the turn writes.
FILLED = {"insert": 0.0, "update": 1.0, "upsert": 0.5}
EMPTY = "TRUNCATE TABLE marks RESTART IDENTITY"
FILL = f"""INSERT INTO marks (id, user_id, lat, lon, date)
    SELECT n, 1 + (n - 1) % {USERS}, 1.25, (n - 1) % 180 + 0.5,
        '2026-01-01Z'::timestamptz + (n - 1) * interval '1 second'
    FROM generate_series(1, $1::int) n"""
READ_BACK = """SELECT count(*), sum(lat), md5(string_agg(
        format('%s %s %s %s %s', id, user_id, lat, lon, extract(epoch FROM date)), ',' ORDER BY id))
    FROM marks"""


class Turn(NamedTuple):
    """One run of a measured function.

    The field `answer` summarizes the rows that the function read, or the table that it changed.
    """

    seconds: float
    cpu: float
    answer: tuple[Any, ...]


@dataclass(frozen=True)
class BenchDatabase:
    """Prepares the rows that a measured function expects, and runs the function."""

    url: URL
    connection: Any  # a connection of asyncpg that no contender uses

    async def run_turn(
        self, pattern: Pattern, library: Any, work: Work, tally: type[Tally] = Tally
    ) -> Turn:
        is_write = pattern.workload in FILLED
        if is_write:
            await self.connection.execute(EMPTY)
            await self.connection.execute(FILL, int(work.write * FILLED[pattern.workload]))
            await self.connection.execute("ANALYZE marks")
        result = tally()
        gc.collect()
        started, cpu_started = time.perf_counter(), time.process_time()
        await pattern.run(library, work, result)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        written = tuple(await self.connection.fetchrow(READ_BACK)) if is_write else None
        return Turn(seconds, cpu, written or result.result())


@asynccontextmanager
async def created_database(server: db.Database, work: Work) -> AsyncIterator[BenchDatabase]:
    name = f"bench_{uuid4().hex}"
    async with db.connect(server, APPLICATION, **AUTOCOMMIT) as admin:
        try:
            await admin.exec_driver_sql(f"CREATE DATABASE {name}")
        except DBAPIError as error:
            problem = f"the benchmark cannot create a database: {error.orig}"
            remedy = "give the role the attribute CREATEDB, or use the embedded server"
            raise CouldNotRun(problem, server.label, remedy) from error
        try:
            database = replace(server, url=server.url.set(database=name), kind="url", label=name)
            async with db.connect(database, APPLICATION, **AUTOCOMMIT) as connection:
                await connection.run_sync(migrations.upgrade, migrations.TRACKING)
                await connection.run_sync(Base.metadata.create_all)
                for statement in (
                    ADD_USERS,
                    ADD_POINTS.format(read=work.read),
                    # A vacuum during somebody's turn would slow that turn down.
                    "ALTER TABLE marks SET (autovacuum_enabled = off)",
                    "VACUUM ANALYZE",
                ):
                    await connection.execute(text(statement))
            yield BenchDatabase(database.url, await asyncpg.connect(dsn_of(database.url)))
        finally:
            await admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
