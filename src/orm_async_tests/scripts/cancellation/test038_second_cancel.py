"""If you cancel a task twice on asyncpg, its query keeps running, but the pool loses no slot.

If you cancel a task, asyncpg asks the server to cancel the task's query. A second cancel interrupts
asyncpg before the server has cancelled the query, so the query may keep running. SQLAlchemy
discards the connection of a task that was cancelled twice. In SQLAlchemy 2.0.44 to 2.0.54 and 2.1.0
to 2.1.4, the next task got the closed connection of a task that was cancelled twice. Cancel a task
only once, then wait until the task has ended.

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.5
"""

import asyncio
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, checked_out, main_of, right, wrong
from orm_async_tests.harness.definitions.known_defects import (
    CANCEL_IS_LOGGED,
    CLOSE_HANGS,
    DEAD_IN_THE_POOL,
)

ONLY = "asyncpg"
SLEEP = text("SELECT pg_sleep(60)")
ONE_SLOT = {"pool_size": 1, "max_overflow": 0}


async def sleep(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(SLEEP)


async def next_user(engine: AsyncEngine) -> dict[str, object]:
    answer = None
    with suppress(InterfaceError):  # the connection is closed
        async with engine.connect() as connection:
            answer = await connection.scalar(text("SELECT 42"))
    return {"next answer": answer, "connections in use": checked_out(engine)}


@wrong(engine=ONE_SLOT, leaks=True, tasks=True, unhandled=True)
async def cancel_twice(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """cancel the task again while asyncpg handles the first cancel"""
    task = asyncio.create_task(sleep(engine))
    await activity.until_running("pg_sleep")
    task.cancel()
    asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait([task])
    running = await activity.running("pg_sleep")
    await activity.terminate()
    return {"running": running, **await next_user(engine)}


@right(engine=ONE_SLOT)
async def cancel_once(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """cancel the task once, then wait until it has ended"""
    task = asyncio.create_task(sleep(engine))
    await activity.until_running("pg_sleep")
    task.cancel()
    await asyncio.wait([task])
    await activity.until_ended("pg_sleep")
    return {"running": await activity.running("pg_sleep"), **await next_user(engine)}


def check(cancel_twice: Observation, cancel_once: Observation) -> None:
    assert cancel_once.value == {"running": 0, "next answer": 42, "connections in use": 0}
    with DEAD_IN_THE_POOL:
        assert cancel_twice.value == {
            "running": 1,
            "next answer": 42,
            "connections in use": 0,
        }
    with CANCEL_IS_LOGGED:
        assert cancel_twice.unhandled == []
    with CLOSE_HANGS:
        assert cancel_twice.tasks == 0


main = main_of(__name__)
