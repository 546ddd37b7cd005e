"""After a task has waited for a pool, the pool works in one event loop only, even on psycopg.

A psycopg connection is not bound to an event loop, so an engine often works in two event loops by
chance. But if all connections are in use, a task waits in an asyncio.Queue of the pool, which binds
the queue to the task's event loop. In another event loop, the next task that must wait gets
RuntimeError. Dispose the engine at the end of its event loop, because dispose() creates a new pool.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-multiple-asyncio-event-loops
Symptom: you get RuntimeError "is bound to a different event loop".
"""

import asyncio

from sqlalchemy import NullPool, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, variant, wrong
from orm_async_tests.models import User

ONLY = "psycopg"


async def count_users(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return len((await connection.execute(select(User))).all())


async def count_twice(engine: AsyncEngine) -> list[int]:
    return [*await asyncio.gather(count_users(engine), count_users(engine))]


async def count_twice_and_dispose(engine: AsyncEngine) -> list[int]:
    counts = await count_twice(engine)
    await engine.dispose()
    return counts


@wrong
async def shared(make_engine: MakeEngine) -> dict[str, list[list[int]]]:
    """in two event loops, run two tasks with one engine and one connection"""
    engine = make_engine(pool_size=1, max_overflow=0)
    first = await asyncio.to_thread(asyncio.run, count_twice(engine))
    return {"users": [first, await asyncio.to_thread(asyncio.run, count_twice(engine))]}


@variant
async def never_waited(make_engine: MakeEngine) -> dict[str, list[int]]:
    """in two event loops, run one task with one engine and one connection"""
    engine = make_engine(pool_size=1, max_overflow=0)
    first = await asyncio.to_thread(asyncio.run, count_users(engine))
    return {"users": [first, await asyncio.to_thread(asyncio.run, count_users(engine))]}


@right
async def disposed(make_engine: MakeEngine) -> dict[str, list[list[int]]]:
    """in two event loops, run two tasks, and dispose the engine at the end of each loop"""
    engine = make_engine(pool_size=1, max_overflow=0)
    first = await asyncio.to_thread(asyncio.run, count_twice_and_dispose(engine))
    return {"users": [first, await asyncio.to_thread(asyncio.run, count_twice_and_dispose(engine))]}


@right
async def without_pool(make_engine: MakeEngine) -> dict[str, list[list[int]]]:
    """in two event loops, run two tasks with an engine that has a NullPool"""
    engine = make_engine(poolclass=NullPool)
    first = await asyncio.to_thread(asyncio.run, count_twice(engine))
    return {"users": [first, await asyncio.to_thread(asyncio.run, count_twice(engine))]}


def check(
    shared: Observation, never_waited: Observation, disposed: Observation, without_pool: Observation
) -> None:
    assert type(shared.error) is RuntimeError
    assert never_waited.value == {"users": [3, 3]}
    assert disposed.value == without_pool.value == {"users": [[3, 3], [3, 3]]}


main = main_of(__name__)
