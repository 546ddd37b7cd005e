"""A scope of threads gives all tasks one session: scope by current_task instead.

scoped_session keeps a session for each thread, and under asyncio all tasks are in one thread. So
async_scoped_session has no default and wants to be told. Its registry keeps session and task
alive until remove().

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-asyncio-scoped-session
"""

import asyncio
from threading import get_ident

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, async_scoped_session, async_sessionmaker

from orm_async_tests.harness import Observation, main_of, right, wrong

ALSO = "aiosqlite"
ANSWER = text("SELECT 42")


@wrong
async def by_thread(engine: AsyncEngine) -> dict[str, int]:
    """two tasks, scopefunc=threading.get_ident as scoped_session has it"""
    scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=get_ident)
    turn = asyncio.Lock()  # the two would also be in each other's way

    async def work() -> int:
        async with turn:
            await scoped.execute(ANSWER)
            return id(scoped())

    sessions = {await task for task in [asyncio.create_task(work()) for _ in range(2)]}
    await scoped.remove()
    return {"sessions of two tasks": len(sessions)}


@right
async def by_task(engine: AsyncEngine) -> dict[str, int]:
    """the same, scopefunc=asyncio.current_task"""
    scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task)
    both = asyncio.Barrier(2)

    async def work() -> int:
        try:
            await scoped.execute(ANSWER)
            await both.wait()  # both sessions are alive
            return id(scoped())
        finally:
            await scoped.remove()

    sessions = set(await asyncio.gather(work(), work()))
    return {"sessions of two tasks": len(sessions)}


def check(by_thread: Observation, by_task: Observation) -> None:
    assert by_thread.value == {"sessions of two tasks": 1}
    assert by_task.value == {"sessions of two tasks": 2}


main = main_of(__name__)
