"""The pool may serve a newcomer before a task that is already waiting.

The pool looks for a free connection before it looks for waiting tasks. A task that runs between the
return of a connection and the waiter's next turn of the event loop takes the connection, and the
waiter goes to the end of the queue. With more requests than connections the unlucky ones wait many
times as long. An asyncio.Semaphore in front of the pool, with one permit per connection, keeps the
order.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#sqlalchemy.pool.AsyncAdaptedQueuePool
"""

import asyncio

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

SINCE = ">=2.0.55,<2.1 or >=2.1.5"  # before, this newcomer comes too late
ONE_CONNECTION = {"pool_size": 1, "max_overflow": 0}
SELECT = text("SELECT 1")


@wrong(engine=ONE_CONNECTION)
async def pool_only(engine: AsyncEngine) -> dict[str, list[str]]:
    """one task has the connection, one waits, and one comes when it is returned"""
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
    """every task first acquires a permit of a semaphore"""
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
