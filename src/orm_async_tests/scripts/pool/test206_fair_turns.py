"""A pool lets a newcomer pass who waits; a semaphore ahead of it keeps the order.

The pool's queue looks for a free connection before it looks for who waits: whoever runs between
the return of a connection and the waiter's next turn of the loop takes it, and the waiter is
last again. With more requests than connections the unlucky ones wait many times as long. A
semaphore of asyncio with as many permits as connections keeps the order, ahead of the pool.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#sqlalchemy.pool.AsyncAdaptedQueuePool
"""

import asyncio

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

SINCE = ">=2.0.55,<2.1 or >=2.1.5"  # before, the newcomer of this schedule comes too late
ONE = {"pool_size": 1, "max_overflow": 0}
SELECT = text("SELECT 1")


@wrong(engine=ONE)
async def pool_alone(engine: AsyncEngine) -> dict[str, list[str]]:
    """one holds the connection, one waits, one asks as it comes back"""
    served: list[str] = []
    back = asyncio.Event()
    event.listen(engine.sync_engine, "checkin", lambda *_: back.set())

    async def ask(name: str) -> None:
        async with engine.connect() as connection:
            await connection.execute(SELECT)
            served.append(name)

    async def ask_when_it_is_back() -> None:
        await back.wait()
        await ask("late")

    await asyncio.gather(ask("first"), ask("waiting"), ask_when_it_is_back())
    return {"served": served}


@right(engine=ONE)
async def semaphore_ahead(engine: AsyncEngine) -> dict[str, list[str]]:
    """the same, each with a permit of a semaphore"""
    served: list[str] = []
    back = asyncio.Event()
    event.listen(engine.sync_engine, "checkin", lambda *_: back.set())
    permits = asyncio.Semaphore(1)

    async def ask(name: str) -> None:
        async with permits, engine.connect() as connection:
            await connection.execute(SELECT)
            served.append(name)

    async def ask_when_it_is_back() -> None:
        await back.wait()
        await ask("late")

    await asyncio.gather(ask("first"), ask("waiting"), ask_when_it_is_back())
    return {"served": served}


def check(pool_alone: Observation, semaphore_ahead: Observation) -> None:
    assert pool_alone.value == {"served": ["first", "late", "waiting"]}
    assert semaphore_ahead.value == {"served": ["first", "waiting", "late"]}


main = main_of(__name__)
