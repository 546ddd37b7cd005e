"""The tap: statements as the server gets them, and round trips that take longer."""

import asyncio
import time
from dataclasses import asdict
from typing import Any

import asyncpg

from orm_async_tests import db
from orm_async_tests.bench.arena import login
from orm_async_tests.bench.tap import Tap, tapped

DELAY = 0.02


async def through(tap: Tap) -> tuple[Any, ...]:
    """What is counted of a transaction and an executemany, and the seconds of two selects."""
    connection: Any = await asyncpg.connect(**asdict(login(tap.url)))
    try:
        await connection.execute("CREATE TEMP TABLE taps (id int)")
        await connection.fetchval("SELECT 1")
        tap.forget()
        async with connection.transaction():
            await connection.executemany("INSERT INTO taps VALUES ($1)", [(1,), (2,), (3,)])
        statements, round_trips = tap.statements.copy(), tap.round_trips
        taken = []
        for tap.delay in (0.0, DELAY):
            started = time.perf_counter()
            await connection.fetchval("SELECT 1")
            taken.append(time.perf_counter() - started)
        return statements, round_trips, *taken
    finally:
        tap.delay = 0.0
        await connection.close()


def test_every_execution_is_counted_and_an_answer_may_come_late(database: db.Database) -> None:
    with tapped(database.url) as tap:
        assert tap is not None
        statements, round_trips, _, late = asyncio.run(through(tap))
    assert statements == {"BEGIN;": 1, "INSERT INTO taps VALUES ($1)": 3, "COMMIT;": 1}
    assert round_trips == 4  # the INSERT is prepared in one of its own
    assert late >= DELAY
