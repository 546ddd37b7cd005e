"""The benchmark's own database: its rows before every turn, and what a turn wrote."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import URL, text

from benchmarks.patterns.contenders.work import USERS, Login
from benchmarks.patterns.marks import Base
from benchmarks.patterns.workers import Pattern, Worker
from benchmarks.patterns.workloads import FILL, FILLED, READ_BACK
from orm_async_tests import db, migrations
from orm_async_tests.errors import CouldNotRun

APPLICATION = "orm_async_tests bench"
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}
PORT = 5432
ADD_USERS = f"INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, {USERS}) n"
ADD_POINTS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % {USERS}, n % 90 + 0.25, n % 180 + 0.125, '2026-01-01Z'::timestamptz
    FROM generate_series(0, {{read}} - 1) n"""


@dataclass(frozen=True)
class Sizes:
    """The number of rows that a turn writes, reads at once, and reads one by one."""

    write: int = 10_000
    read: int = 100_000
    gets: int = 1000


def login(url: URL) -> Login:
    """Return the address and account in a URL."""
    host = str(url.query.get("host", url.host or ""))
    return Login(host, url.port or PORT, url.username or "", url.password or "", url.database or "")


@asynccontextmanager
async def created_database(server: db.Database, sizes: Sizes) -> AsyncIterator[URL]:
    """Create a database with users, points and an empty table; drop it afterwards."""
    name = f"bench_{uuid4().hex}"
    async with db.connect(server, APPLICATION, **AUTOCOMMIT) as admin:
        await admin.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            database = replace(server, url=server.url.set(database=name), kind="url", label=name)
            async with db.connect(database, APPLICATION, **AUTOCOMMIT) as connection:
                await migrations.upgrade_async(connection, migrations.TRACKING)
                await connection.run_sync(Base.metadata.create_all)
                for statement in (
                    ADD_USERS,
                    ADD_POINTS.format(read=sizes.read),
                    # A vacuum during somebody's turn would slow that turn down.
                    "ALTER TABLE marks SET (autovacuum_enabled = off)",
                    "VACUUM ANALYZE",
                ):
                    await connection.execute(text(statement))
            yield database.url
        finally:
            await admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


class BenchDatabase:
    """Prepares the table before a turn, and reads back what the turn wrote."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection  # asyncpg's, which no contender uses

    async def run_turn(
        self, worker: Worker, pattern: Pattern, sizes: Mapping[str, int], tally: str = "Tally"
    ) -> dict[str, Any]:
        """Prepare and run a turn; return its seconds, its CPU seconds, and its answer.

        The answer is what a pattern read, or for a pattern that writes the rows in the table.
        """
        await self.prepare_turn(worker, pattern, sizes, tally)
        return await self.run_prepared(worker)

    async def prepare_turn(
        self, worker: Worker, pattern: Pattern, sizes: Mapping[str, int], tally: str = "Tally"
    ) -> None:
        """Fill the table as the workload expects it, and let the worker prepare its turn."""
        part = FILLED.get(pattern.workload)
        if part is not None:
            await self.connection.execute("TRUNCATE marks RESTART IDENTITY")
            await self.connection.execute(FILL, int(sizes["write"] * part))
            await self.connection.execute("ANALYZE marks")
        await worker.prepare(pattern, sizes, tally)

    async def run_prepared(self, worker: Worker) -> dict[str, Any]:
        """Run the turn that `prepare_turn` has prepared."""
        turn: dict[str, Any] = await worker.run()
        if turn["answer"] is None:
            turn["answer"] = list(await self.connection.fetchrow(READ_BACK))
        return turn


@asynccontextmanager
async def connected_database(url: URL) -> AsyncIterator[BenchDatabase]:
    """Connect to a database from `created_database`."""
    connection = await asyncpg.connect(**asdict(login(url)))
    try:
        yield BenchDatabase(connection)
    finally:
        await connection.close()


def compare_answers(answers: Mapping[str, Any]) -> None:
    """Raise CouldNotRun if an answer differs from the first one."""
    (base, expected), *others = answers.items()
    for key, answer in others:
        if answer != expected:
            what = f"{key} has the answer {answer}, but {base} has {expected}"
            raise CouldNotRun(
                what, "orm-async-tests bench", "compare the two: one of them is wrong"
            )
