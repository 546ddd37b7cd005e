"""A pooled connection fails in the event loop of another thread: use the engine's event loop.

In a thread, asyncio.run() starts another event loop, but an asyncpg connection works only in the
event loop that opened it. From another thread, use run_coroutine_threadsafe() to run a coroutine in
the engine's event loop.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-multiple-asyncio-event-loops
Symptom: you get RuntimeError "attached to a different loop" with "/thread.py" in the traceback.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

ONLY = "asyncpg"


async def query(engine: AsyncEngine) -> object:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT 42"))


@wrong(unhandled=True, leaks=True, warns=True)
async def loop_of_the_thread(engine: AsyncEngine) -> dict[str, object]:
    """in a thread, use asyncio.run() with an engine of another event loop"""
    with ThreadPoolExecutor() as threads:
        # result() blocks the engine's loop, because the process may crash if both loops run.
        return {"answer": threads.submit(lambda: asyncio.run(query(engine))).result()}


@right
async def loop_of_the_engine(engine: AsyncEngine) -> dict[str, object]:
    """in a thread, call run_coroutine_threadsafe() with the engine's event loop"""
    loop = asyncio.get_running_loop()

    def run_in_thread() -> object:
        return asyncio.run_coroutine_threadsafe(query(engine), loop).result()

    return {"answer": await asyncio.to_thread(run_in_thread)}


def check(loop_of_the_thread: Observation, loop_of_the_engine: Observation) -> None:
    assert loop_of_the_thread.error is not None
    assert loop_of_the_engine.value == {"answer": 42}


main = main_of(__name__)
