"""The default pool opens at most 15 connections and keeps 5 of them.

The default pool keeps five connections open (pool_size=5). Under load, the default pool opens up to
ten more connections (max_overflow=10), and closes them after use. If all 15 connections of the
default pool are in use, the next task waits. Every process has its own pool, so multiply the size
of the pool by the number of processes.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#sqlalchemy.pool.QueuePool
"""

from asyncio import Event, TaskGroup

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, variant

SELECT = select(1)


@variant
async def fifteen(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """open fifteen connections at once, then return them"""
    connections: list[AsyncConnection] = [await engine.connect() for _ in range(15)]
    open_at_once = len(await activity.pids())
    for connection in connections:
        await connection.close()
    await activity.until_open(5)
    return {"open at once": open_at_once, "kept": len(await activity.pids())}


@variant(engine={"pool_size": 3, "max_overflow": 2})
async def thirty_tasks(engine: AsyncEngine) -> dict[str, int]:
    """run thirty tasks with pool_size=3 and max_overflow=2, and count the connections in use"""
    in_use = most = 0
    full = Event()  # set when five tasks have a connection

    async def work() -> None:
        nonlocal in_use, most
        async with engine.connect() as connection:
            in_use += 1
            most = max(most, in_use)
            await connection.execute(SELECT)
            if in_use == 5:
                full.set()
            await full.wait()
            in_use -= 1

    async with TaskGroup() as tasks:
        for _ in range(30):
            tasks.create_task(work())
    return {"most in use": most}


def check(fifteen: Observation, thirty_tasks: Observation) -> None:
    assert fifteen.value == {"open at once": 15, "kept": 5}
    assert thirty_tasks.value == {"most in use": 5}
    assert len(thirty_tasks.sql) == 30


main = main_of(__name__)
