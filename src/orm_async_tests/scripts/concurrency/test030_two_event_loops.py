"""asyncpg's pooled connections work only in the event loop that opened them.

The pool does not know loops: in a second asyncio.run() it hands out a connection that is bound to
the first one. Dispose the engine in the loop that used it, or use NullPool. pytest meets this when
an engine outlives the loop of a test. psycopg's connections are bound to no loop: there it works.

Symptom: RuntimeError "attached to a different loop"
Symptom: RuntimeError "Event loop is closed"
Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-multiple-asyncio-event-loops
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import URL, NullPool, select
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests.harness import Seen, Upstream, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"
DEFECT = Upstream(
    "the rollback after a transaction that cannot start raises an error in place of the first one",
    {"sqlalchemy": ">=2.1,<2.1.4", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13657",
)

Count = Callable[[AsyncEngine], Coroutine[Any, Any, int]]


async def users(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return len((await connection.execute(select(User))).all())


async def users_and_dispose(engine: AsyncEngine) -> int:
    count = await users(engine)
    await engine.dispose()
    return count


async def in_two_loops(count: Count, engine: AsyncEngine) -> list[int]:
    """What counts the users, twice, each time in an event loop of its own (in a thread)."""
    first = await asyncio.to_thread(asyncio.run, count(engine))
    return [first, await asyncio.to_thread(asyncio.run, count(engine))]


@wrong(warns=True, unhandled=True, leaks=True)
async def pooled(url: URL) -> dict[str, list[int]]:
    """one engine, two loops (in threads, since one is running here)"""
    engine = create_async_engine(url)
    return {"users": await in_two_loops(users, engine)}


@wrong(warns=True, unhandled=True, leaks=True)
async def disposed_too_late(url: URL) -> None:
    """one loop, and a second that disposes: "Event loop is closed" in the pool's log"""
    engine = create_async_engine(url)
    await asyncio.to_thread(asyncio.run, users(engine))
    await asyncio.to_thread(asyncio.run, engine.dispose())


@right
async def disposed(url: URL) -> dict[str, list[int]]:
    """the same, disposed at the end of each loop"""
    engine = create_async_engine(url)
    return {"users": await in_two_loops(users_and_dispose, engine)}


@right
async def without_pool(url: URL) -> dict[str, list[int]]:
    """the same without a pool"""
    engine = create_async_engine(url, poolclass=NullPool)
    return {"users": await in_two_loops(users, engine)}


def check(pooled: Seen, disposed_too_late: Seen, disposed: Seen, without_pool: Seen) -> None:
    assert disposed.value == without_pool.value == {"users": [3, 3]}
    assert disposed_too_late.unhandled
    assert len(pooled.sql) == 1  # of the first loop
    assert isinstance(pooled.error, RuntimeError | InterfaceError)
    with DEFECT:
        assert isinstance(pooled.error, RuntimeError)


main = main_of(__name__)
