"""A pooled connection fails in a thread's own loop: call into the engine's loop.

asyncio.run() in a thread is another event loop, and asyncpg's connections belong to the one that
opened them. A thread hands a coroutine to the engine's loop by run_coroutine_threadsafe(), and
waits for its result.

Symptom: RuntimeError "attached to a different loop" in "/thread.py"
Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-multiple-asyncio-event-loops
Docs: https://docs.python.org/3/library/asyncio-task.html#asyncio.run_coroutine_threadsafe
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

ONLY = "asyncpg"


async def answer(engine: AsyncEngine) -> object:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT 42"))


@wrong(unhandled=True, leaks=True, warns=True)
async def a_loop_of_the_thread(engine: AsyncEngine) -> dict[str, object]:
    """in a thread: asyncio.run() on the warm engine; its loop stands still, or both may crash"""
    with ThreadPoolExecutor() as threads:
        return {"answer": threads.submit(lambda: asyncio.run(answer(engine))).result()}


@right
async def the_loop_of_the_engine(engine: AsyncEngine) -> dict[str, object]:
    """in a thread: run_coroutine_threadsafe() on the engine's loop"""
    loop = asyncio.get_running_loop()

    def in_the_thread() -> object:
        return asyncio.run_coroutine_threadsafe(answer(engine), loop).result()

    return {"answer": await asyncio.to_thread(in_the_thread)}


def check(a_loop_of_the_thread: Observation, the_loop_of_the_engine: Observation) -> None:
    assert a_loop_of_the_thread.error is not None
    assert the_loop_of_the_engine.value == {"answer": 42}


main = main_of(__name__)
