"""A task that is cancelled while it waits for a pooled connection leaks no slot of the pool.

A cancelled task leaves the pool's queue, and the next returned connection goes to another task.

Docs: https://github.com/sqlalchemy/sqlalchemy/issues/13749
"""

from asyncio import Semaphore, create_task, wait

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, checked_out, main_of, variant

ONE_SLOT = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 30}


async def ask(engine: AsyncEngine, started: Semaphore) -> int | None:
    started.release()  # the task does not suspend before it waits for a connection
    async with engine.connect() as connection:
        return await connection.scalar(select(1))


@variant(engine=ONE_SLOT)
async def cancelled(engine: AsyncEngine) -> dict[str, int | None]:
    """cancel three tasks that wait for a connection"""
    started = Semaphore(0)
    async with engine.connect():
        waiters = [create_task(ask(engine, started)) for _ in range(3)]
        for _ in waiters:
            await started.acquire()
        for waiter in waiters:
            waiter.cancel()
        await wait(waiters)
    cancelled = sum(waiter.cancelled() for waiter in waiters)
    return {
        "cancelled": cancelled,
        "connections in use": checked_out(engine),
        "next answer": await ask(engine, started),
    }


@variant(engine=ONE_SLOT)
async def patient(engine: AsyncEngine) -> dict[str, int | None]:
    """let three tasks wait for a connection until they get one"""
    started = Semaphore(0)
    async with engine.connect():
        waiters = [create_task(ask(engine, started)) for _ in range(3)]
        for _ in waiters:
            await started.acquire()
    await wait(waiters)
    cancelled = sum(waiter.cancelled() for waiter in waiters)
    return {
        "cancelled": cancelled,
        "connections in use": checked_out(engine),
        "next answer": await ask(engine, started),
    }


def check(cancelled: Observation, patient: Observation) -> None:
    assert cancelled.value == {"cancelled": 3, "connections in use": 0, "next answer": 1}
    assert patient.value == {"cancelled": 0, "connections in use": 0, "next answer": 1}
    assert len(cancelled.sql) == 1
    assert len(patient.sql) == 3 + 1


main = main_of(__name__)
