"""The pool may serve a new task before a task that is already waiting.

When a task asks for a connection, the pool first looks for a free connection, even if other tasks
are waiting. If a connection is returned while a task waits, the connection stays free until the
waiting task runs, so a new task can take the connection first. An asyncio.Semaphore in front of the
pool, with one permit per connection, serves the tasks in the order of their requests.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#sqlalchemy.pool.AsyncAdaptedQueuePool
"""

import asyncio

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

SINCE = ">=2.0.55,<2.1 or >=2.1.5"  # in older releases, the new task comes too late
ONE_CONNECTION = {"pool_size": 1, "max_overflow": 0}
SELECT = text("SELECT 1")


@wrong(engine=ONE_CONNECTION)
async def pool_only(engine: AsyncEngine) -> dict[str, list[str]]:
    """let a new task ask for the only connection while another task waits for it"""
    served: list[str] = []
    returned = asyncio.Event()
    event.listen(engine.sync_engine, "checkin", lambda *_: returned.set())

    async def query(name: str) -> None:
        async with engine.connect() as connection:
            await connection.execute(SELECT)
            served.append(name)

    async def query_when_it_is_returned() -> None:
        await returned.wait()
        await query("late")

    await asyncio.gather(query("first"), query("waiting"), query_when_it_is_returned())
    return {"served": served}


@right(engine=ONE_CONNECTION)
async def semaphore_first(engine: AsyncEngine) -> dict[str, list[str]]:
    """let every task first acquire a permit of a semaphore"""
    served: list[str] = []
    returned = asyncio.Event()
    event.listen(engine.sync_engine, "checkin", lambda *_: returned.set())
    permits = asyncio.Semaphore(1)

    async def query(name: str) -> None:
        async with permits, engine.connect() as connection:
            await connection.execute(SELECT)
            served.append(name)

    async def query_when_it_is_returned() -> None:
        await returned.wait()
        await query("late")

    await asyncio.gather(query("first"), query("waiting"), query_when_it_is_returned())
    return {"served": served}


def check(pool_only: Observation, semaphore_first: Observation) -> None:
    assert pool_only.value == {"served": ["first", "late", "waiting"]}
    assert semaphore_first.value == {"served": ["first", "waiting", "late"]}


main = main_of(__name__)
