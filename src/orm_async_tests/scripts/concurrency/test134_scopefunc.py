"""async_scoped_session has no default scope: give scopefunc, and call remove().

scoped_session keeps a session for each thread, which under asyncio would be one for all tasks. So
async_scoped_session wants to be told: asyncio.current_task gives one to each task. Its registry
keeps both alive until remove().

Symptom: TypeError "missing 1 required positional argument: 'scopefunc'"
Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-asyncio-scoped-session
"""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, async_scoped_session, async_sessionmaker

from orm_async_tests.harness import Seen, main_of, right, wrong


@wrong
async def without_a_scope(engine: AsyncEngine) -> dict[str, int]:
    """make an async_scoped_session without scopefunc"""
    scoped = async_scoped_session(async_sessionmaker(engine))  # type: ignore[call-arg]
    return {"sessions": len({id(scoped()), id(scoped())})}


@right
async def by_task(engine: AsyncEngine) -> dict[str, int]:
    """one session for each task: how many of two tasks, and how many of one"""
    scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task)
    both = asyncio.Barrier(2)

    async def work() -> int:
        try:
            await scoped.execute(text("SELECT 1"))
            await both.wait()  # both sessions are alive
            return id(scoped())
        finally:
            await scoped.remove()

    mine = len({id(scoped()), id(scoped())})
    theirs = await asyncio.gather(work(), work())
    await scoped.remove()
    return {"sessions of two tasks": len(set(theirs)), "sessions of one task": mine}


def check(without_a_scope: Seen, by_task: Seen) -> None:
    assert isinstance(without_a_scope.error, TypeError)
    assert by_task.value == {"sessions of two tasks": 2, "sessions of one task": 1}


main = main_of(__name__)
