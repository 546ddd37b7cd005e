"""A FairSemaphore serves the task that has waited longest, so every task is served."""

import asyncio

import pytest
from sqlalchemy import text

from orm_async_tests import db
from orm_async_tests.service.sessions import FairPool, FairSemaphore
from orm_async_tests.service.settings import Settings

CLIENTS, READS = 5, 4
ONE = text("SELECT 1")


async def served_clients(tables: db.Database) -> list[int]:
    """Return the order in which simultaneous clients get answers to repeated reads."""
    pool = FairPool(tables.url, Settings(pool_timeout=60), FairSemaphore(1, timeout=60))
    served = []

    async def read_repeatedly(client: int) -> None:
        for _ in range(READS):
            await pool.rows(ONE, {})
            served.append(client)

    async with asyncio.TaskGroup() as group:
        for client in range(CLIENTS):
            group.create_task(read_repeatedly(client))
    await pool.engine.dispose()
    return served


def test_clients_that_read_again_at_once_are_served_in_turn(tables: db.Database) -> None:
    assert asyncio.run(served_clients(tables)) == list(range(CLIENTS)) * READS


def test_a_task_that_times_out_and_one_that_fails_leave_the_place_free() -> None:
    async def fail_and_time_out(semaphore: FairSemaphore) -> None:
        async with semaphore:
            with pytest.raises(TimeoutError):
                await semaphore.__aenter__()
            raise LookupError

    async def use_one_place() -> None:
        semaphore = FairSemaphore(1, timeout=0.01)
        with pytest.raises(LookupError):
            await fail_and_time_out(semaphore)
        async with semaphore:
            pass

    asyncio.run(use_one_place())
