"""If a session is scoped to the thread, all tasks share it: scope the session to current_task.

All tasks of an event loop run in one thread, so all tasks share a session that is scoped to the
thread. Because a session per thread is wrong under asyncio, async_scoped_session has no default
scope, and you must pass scopefunc. Await the scoped session's remove() at the end of every task
(test29).

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
    """use scopefunc=threading.get_ident, the default of scoped_session, in two tasks"""
    scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=get_ident)
    turn = asyncio.Lock()  # at the same time they would also raise errors (test26)

    async def work() -> int:
        async with turn:
            await scoped.execute(ANSWER)
            return id(scoped())

    sessions = {await task for task in [asyncio.create_task(work()) for _ in range(2)]}
    await scoped.remove()
    return {"sessions of two tasks": len(sessions)}


@right
async def by_task(engine: AsyncEngine) -> dict[str, int]:
    """use scopefunc=asyncio.current_task in two tasks"""
    scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task)
    barrier = asyncio.Barrier(2)

    async def work() -> int:
        try:
            await scoped.execute(ANSWER)
            await barrier.wait()  # both sessions are alive
            return id(scoped())
        finally:
            await scoped.remove()

    sessions = set(await asyncio.gather(work(), work()))
    return {"sessions of two tasks": len(sessions)}


def check(by_thread: Observation, by_task: Observation) -> None:
    assert by_thread.value == {"sessions of two tasks": 1}
    assert by_task.value == {"sessions of two tasks": 2}


main = main_of(__name__)
