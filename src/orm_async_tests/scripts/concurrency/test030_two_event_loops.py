"""asyncpg's pooled connections work only in the event loop that opened them.

In a second asyncio.run(), or in the event loop of the next test, the pool hands out a connection of
the first event loop. Dispose the engine in the event loop that used it, or create the engine with
NullPool. A psycopg connection is not bound to an event loop, but its pool may be (test261).

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-multiple-asyncio-event-loops
Symptom: you get RuntimeError "attached to a different loop".
Symptom: you get RuntimeError "Event loop is closed".
"""

import asyncio

from sqlalchemy import URL, NullPool, select
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests.harness import Observation, Upstream, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"
DEFECT = Upstream(
    "if a transaction cannot start, the error of the rollback hides the first error",
    {"sqlalchemy": ">=2.1,<2.1.4", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13657",
    "wrong error",
)


async def count_users(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return len((await connection.execute(select(User))).all())


async def count_and_dispose(engine: AsyncEngine) -> int:
    count = await count_users(engine)
    await engine.dispose()
    return count


@wrong(warns=True, unhandled=True, leaks=True)
async def pooled(url: URL) -> dict[str, list[int]]:
    """use one engine in two event loops, each in its own thread"""
    engine = create_async_engine(url)
    first = await asyncio.to_thread(asyncio.run, count_users(engine))
    return {"users": [first, await asyncio.to_thread(asyncio.run, count_users(engine))]}


@wrong(warns=True, unhandled=True, leaks=True)
async def disposed_too_late(url: URL) -> None:
    """use an engine in one event loop, and dispose it in another"""
    engine = create_async_engine(url)
    await asyncio.to_thread(asyncio.run, count_users(engine))
    await asyncio.to_thread(asyncio.run, engine.dispose())


@right
async def disposed(url: URL) -> dict[str, list[int]]:
    """dispose the engine at the end of every event loop"""
    engine = create_async_engine(url)
    first = await asyncio.to_thread(asyncio.run, count_and_dispose(engine))
    return {"users": [first, await asyncio.to_thread(asyncio.run, count_and_dispose(engine))]}


@right
async def without_pool(url: URL) -> dict[str, list[int]]:
    """use an engine with NullPool in two event loops"""
    engine = create_async_engine(url, poolclass=NullPool)
    first = await asyncio.to_thread(asyncio.run, count_users(engine))
    return {"users": [first, await asyncio.to_thread(asyncio.run, count_users(engine))]}


def check(
    pooled: Observation,
    disposed_too_late: Observation,
    disposed: Observation,
    without_pool: Observation,
) -> None:
    assert disposed.value == without_pool.value == {"users": [3, 3]}
    assert disposed_too_late.unhandled
    assert len(pooled.sql) == 1  # only the first loop sent a statement
    assert isinstance(pooled.error, RuntimeError | InterfaceError)
    with DEFECT:
        assert isinstance(pooled.error, RuntimeError)


main = main_of(__name__)
