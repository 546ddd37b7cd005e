"""A listener can read its task's context variables, and code in run_sync() can set them.

SQLAlchemy's synchronous code sees the context variables of the calling task. For an audit log, a
listener can read the current user's name from a context variable. A context variable that you set
inside run_sync() keeps its value in the calling task, but not in other tasks.

Docs: https://docs.python.org/3/library/contextvars.html
"""

import asyncio
from contextvars import ContextVar

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, variant

ALSO = "aiosqlite"
walker: ContextVar[str] = ContextVar("walker", default="unset")


@variant
async def into_a_listener(engine: AsyncEngine) -> list[str]:
    """set a context variable in two tasks, and read it in a before_cursor_execute listener"""
    heard: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *_: heard.append(walker.get()))

    async def walk(name: str) -> None:
        walker.set(name)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    await asyncio.gather(walk("ann"), walk("ben"))
    return sorted(heard)


@variant
async def out_of_run_sync(session: AsyncSession) -> list[str]:
    """set a context variable in run_sync(), then read it in the same task and in another task"""

    async def walk(name: str) -> str:
        await session.run_sync(lambda _: walker.set(name))
        return walker.get()

    walking = asyncio.create_task(walk("ann"))
    return [await walking, walker.get()]


def check(into_a_listener: Observation, out_of_run_sync: Observation) -> None:
    assert into_a_listener.value == ["ann", "ben"]
    assert out_of_run_sync.value == ["ann", "unset"]


main = main_of(__name__)
