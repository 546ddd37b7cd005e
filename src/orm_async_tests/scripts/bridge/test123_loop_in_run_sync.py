"""Inside run_sync(), asyncio.run() raises an error, but await_only() can await a coroutine.

A function in run_sync() runs in the thread of the running event loop, where a second event loop
cannot run. To await a coroutine inside run_sync(), call await_only().

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-awaitable-only-driver-methods-in-connection-pool-and-other-events
Symptom: you get RuntimeError "asyncio.run() cannot be called from a running event loop" with
"in run_sync" in the traceback.
"""

import asyncio

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

from orm_async_tests.harness import Observation, main_of, right, wrong

ALSO = "aiosqlite"


async def answer() -> int:
    return 42


@wrong(warns=True)
async def by_asyncio_run(engine: AsyncEngine) -> dict[str, int]:
    """call asyncio.run() inside run_sync()"""

    def wait(_: Connection) -> int:
        return asyncio.run(answer())

    async with engine.connect() as connection:
        return {"answer": await connection.run_sync(wait)}


@right
async def by_await_only(engine: AsyncEngine) -> dict[str, int]:
    """call await_only() inside run_sync()"""

    def wait(_: Connection) -> int:
        return await_only(answer())

    async with engine.connect() as connection:
        return {"answer": await connection.run_sync(wait)}


def check(by_asyncio_run: Observation, by_await_only: Observation) -> None:
    assert isinstance(by_asyncio_run.error, RuntimeError)
    assert by_asyncio_run.warnings == ["RuntimeWarning"]
    assert by_await_only.value == {"answer": 42}


main = main_of(__name__)
