"""An executemany cancelled at its start spoils psycopg's connection for the pool.

psycopg sends many rows in pipeline mode. After a busy time of the event loop it lets others run as
it enters that mode; cancelled just there, it leaves the mode on. Nothing marks the connection as
broken, so the pool gives it to the next user, whose statement returns no rows. Invalidate the
connection of a load that did not come to its end.

Symptom: ResourceClosedError "This result object does not return rows"
Docs: https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
"""

import asyncio
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, main_of, right, wrong

ONLY = "psycopg"
DEFECT = Upstream(
    "an executemany() that is cancelled at its start leaves the pipeline mode on",
    {"psycopg": "==3.3.9"},
    "https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html",
    "breaks the pool",
)
ONE = {"pool_size": 1, "max_overflow": 0}
INSERT = text("INSERT INTO users (username) VALUES (:username)")
ROWS = [{"username": f"walker-{number}"} for number in range(1000)]


def cancel(*arguments: Any) -> None:
    task = asyncio.current_task()
    if task and arguments[-1]:  # executemany
        sum(range(3_000_000))  # the loop is busy
        task.cancel()


@wrong(engine=ONE, unhandled=True, warns=True)
async def cancel_a_load(engine: AsyncEngine) -> dict[str, object]:
    """cancel an executemany as it starts; then use the pool's connection"""
    event.listen(engine.sync_engine, "before_cursor_execute", cancel)

    async def load() -> None:
        async with engine.begin() as connection:
            await connection.execute(INSERT, ROWS)

    await asyncio.wait([asyncio.create_task(load())])
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


@right(engine=ONE, unhandled=True, warns=True)
async def invalidate_it(engine: AsyncEngine) -> dict[str, object]:
    """the same, and invalidate the connection that was cancelled"""
    event.listen(engine.sync_engine, "before_cursor_execute", cancel)

    async def load() -> None:
        async with engine.connect() as connection:
            try:
                await connection.execute(INSERT, ROWS)
            except BaseException:
                await connection.invalidate()
                raise

    await asyncio.wait([asyncio.create_task(load())])
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


def check(cancel_a_load: Observation, invalidate_it: Observation) -> None:
    assert invalidate_it.value == {"answer": 42}
    assert isinstance(cancel_a_load.error, ResourceClosedError) or cancel_a_load.value == {
        "answer": 42
    }
    with DEFECT:
        assert cancel_a_load.value == {"answer": 42}


main = main_of(__name__)
