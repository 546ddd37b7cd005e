"""The default pool opens at most 15 connections, and keeps 5 of them.

pool_size=5 and max_overflow=10: five are kept for the next user, ten more are opened when
needed and closed when they come back. However many tasks there are, the server never sees
more than the sum; the others wait. Count it once for each process.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#sqlalchemy.pool.QueuePool
"""

from asyncio import Event, TaskGroup

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, variant

ONE = select(1)


@variant
async def fifteen(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """fifteen connections at once; how many are open, and how many stay"""
    taken: list[AsyncConnection] = [await engine.connect() for _ in range(15)]
    at_once = len(await activity.pids())
    for connection in taken:
        await connection.close()
    await activity.until_open(5)
    return {"open at once": at_once, "kept": len(await activity.pids())}


@variant(engine={"pool_size": 3, "max_overflow": 2})
async def thirty_tasks(engine: AsyncEngine) -> dict[str, int]:
    """thirty tasks on 3 + 2; how many connections were ever in use at once"""
    in_use = most = 0
    full = Event()  # the first ones wait until five are in

    async def work() -> None:
        nonlocal in_use, most
        async with engine.connect() as connection:
            in_use += 1
            most = max(most, in_use)
            await connection.execute(ONE)
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
