"""The database that contenders meet on: what is there before each turn, and what is left."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import URL

from orm_async_tests.bench.contenders.given import Login
from orm_async_tests.bench.suites import Suite
from orm_async_tests.bench.workers import Pattern, Worker
from orm_async_tests.errors import CouldNotRun

PORT = 5432


def login(url: URL) -> Login:
    """How a contender reaches a database."""
    host = str(url.query.get("host", url.host or ""))
    names = url.username or "", url.password or "", url.database or ""
    return Login(host, url.port or PORT, *names)


class Arena:
    """Prepares the table with a connection that no contender has, and reads what was written."""

    def __init__(self, connection: Any, suite: Suite) -> None:
        self.connection, self.suite = connection, suite

    async def turn(
        self, worker: Worker, pattern: Pattern, sizes: Mapping[str, int], tally: str = "Tally"
    ) -> dict[str, Any]:
        """What the contender did: seconds, cpu, and the answer: what it read, or else wrote."""
        await self.ready(worker, pattern, sizes, tally)
        return await self.timed(worker)

    async def ready(
        self, worker: Worker, pattern: Pattern, sizes: Mapping[str, int], tally: str = "Tally"
    ) -> None:
        """What is there before a turn, and what the contender does before its clock starts."""
        suite, there = self.suite, self.suite.there.get(pattern.workload)
        if there is not None:
            await self.connection.execute(f"TRUNCATE {suite.table} RESTART IDENTITY")
            await self.connection.execute(suite.fill, int(sizes[suite.rows] * there))
            await self.connection.execute(f"ANALYZE {suite.table}")
        await worker.ready(pattern, sizes, tally)

    async def timed(self, worker: Worker) -> dict[str, Any]:
        """The turn that is begun."""
        found: dict[str, Any] = await worker.turn()
        if found["answer"] is None:
            found["answer"] = list(await self.connection.fetchrow(self.suite.written))
        return found


@asynccontextmanager
async def arena(url: URL, suite: Suite) -> AsyncIterator[Arena]:
    """An arena on a database that has the tables."""
    import asyncpg

    connection = await asyncpg.connect(**asdict(login(url)))
    try:
        # Nothing is to be vacuumed while somebody's turn is timed.
        await connection.execute(f"ALTER TABLE {suite.table} SET (autovacuum_enabled = off)")
        yield Arena(connection, suite)
    finally:
        await connection.close()


def compare_answers(answers: Mapping[str, Any]) -> None:
    """Raises CouldNotRun if one is not the first one's."""
    (base, expected), *others = answers.items()
    for key, answer in others:
        if answer != expected:
            what = f"{key} has the answer {answer}, and {base} has {expected}"
            raise CouldNotRun(what, "bench --peers", "compare the two: one of them is wrong")
