"""The database that contenders meet on: what is there before each turn, and what is left."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import URL

from orm_async_tests.bench.contenders.given import TASKS, USERS, Login
from orm_async_tests.bench.workers import Pattern, Worker
from orm_async_tests.errors import CouldNotRun

PORT = 5432
FILL = f"""INSERT INTO marks (id, user_id, lat, lon, date)
    SELECT n, 1 + (n - 1) % {USERS}, 1.25, (n - 1) % 180 + 0.5,
        '2026-01-01Z'::timestamptz + (n - 1) * interval '1 second'
    FROM generate_series(1, $1::int) n"""
WRITTEN = """SELECT count(*), sum(lat), md5(string_agg(
        format('%s %s %s %s %s', id, user_id, lat, lon, extract(epoch FROM date)), ',' ORDER BY id))
    FROM marks"""
THERE = {"insert": 0.0, "update": 1.0, "upsert": 0.5}  # of the rows, before a turn


def login(url: URL) -> Login:
    """How a contender reaches a database."""
    host = str(url.query.get("host", url.host or ""))
    names = url.username or "", url.password or "", url.database or ""
    return Login(host, url.port or PORT, *names)


def pool_size(workload: str) -> int:
    """How many warm connections a contender has."""
    return TASKS if workload == "tasks" else 1


class Arena:
    """Prepares the tables with a connection that no contender has, and reads what was written."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def turn(
        self, worker: Worker, pattern: Pattern, sizes: Mapping[str, int], tally: str = "Tally"
    ) -> dict[str, Any]:
        """What the contender did: seconds, cpu, and the answer with what it wrote."""
        workload = pattern.workload
        if workload in THERE:
            await self.connection.execute("TRUNCATE marks RESTART IDENTITY")
            await self.connection.execute(FILL, int(sizes["write"] * THERE[workload]))
            await self.connection.execute("ANALYZE marks")
        found: dict[str, Any] = await worker.turn(pattern, sizes, tally)
        if workload in THERE:
            found["answer"] = list(await self.connection.fetchrow(WRITTEN))
        return found


@asynccontextmanager
async def arena(url: URL) -> AsyncIterator[Arena]:
    """An arena on a database that has the tables."""
    import asyncpg

    connection = await asyncpg.connect(**asdict(login(url)))
    try:
        # Nothing is to be vacuumed while somebody's turn is timed.
        await connection.execute("ALTER TABLE marks SET (autovacuum_enabled = off)")
        yield Arena(connection)
    finally:
        await connection.close()


def compare_answers(answers: Mapping[str, Any]) -> None:
    """Raises CouldNotRun if one is not the first one's."""
    (base, expected), *others = answers.items()
    for key, answer in others:
        if answer != expected:
            what = f"{key} has the answer {answer}, and {base} has {expected}"
            raise CouldNotRun(what, "bench --peers", "compare the two: one of them is wrong")
