"""On psycopg, an executemany() that is cancelled as it starts breaks the pooled connection.

For executemany(), psycopg sends the rows in pipeline mode. If a task is cancelled just after
psycopg has entered pipeline mode, the pooled connection stays in pipeline mode. A SELECT on a
connection that is still in pipeline mode returns no rows. If a bulk insert did not finish,
invalidate its connection.

Docs: https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
Symptom: you get ResourceClosedError "This result object does not return rows".
"""

import asyncio
import time
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, main_of, right, wrong

ONLY = "psycopg"
DEFECT = Upstream(
    "after a cancelled executemany(), the connection stays in pipeline mode",
    {"psycopg": ">=3.3.9,<4"},
    "https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html",
    "breaks the pool",
)
ONE_CONNECTION = {"pool_size": 1, "max_overflow": 0}
INSERT = text("INSERT INTO users (username) VALUES (:username)")
ROWS = [{"username": f"walker-{number}"} for number in range(1000)]


def keep_loop_busy_and_cancel(*arguments: Any) -> None:
    """During an executemany(), keep the event loop busy, then cancel the current task."""
    from psycopg import waiting

    task = asyncio.current_task()
    if task and arguments[-1]:  # the last argument is true for executemany()
        busy_until = time.monotonic() + getattr(waiting, "MAX_BUSY_TIME", 0.0)
        while time.monotonic() < busy_until:
            pass
        task.cancel()


@wrong(engine=ONE_CONNECTION, unhandled=True, warns=True)
async def cancel_a_load(engine: AsyncEngine) -> dict[str, object]:
    """cancel an executemany() as it starts, then use the pooled connection"""
    event.listen(engine.sync_engine, "before_cursor_execute", keep_loop_busy_and_cancel)

    async def load() -> None:
        async with engine.begin() as connection:
            await connection.execute(INSERT, ROWS)

    await asyncio.wait([asyncio.create_task(load())])
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(text("SELECT 42"))}


@right(engine=ONE_CONNECTION, unhandled=True, warns=True)
async def invalidate(engine: AsyncEngine) -> dict[str, object]:
    """cancel an executemany() as it starts, and invalidate its connection"""
    event.listen(engine.sync_engine, "before_cursor_execute", keep_loop_busy_and_cancel)

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


def check(cancel_a_load: Observation, invalidate: Observation) -> None:
    assert invalidate.value == {"answer": 42}
    if cancel_a_load.value is None:
        assert isinstance(cancel_a_load.error, ResourceClosedError)
    with DEFECT:
        assert cancel_a_load.value == {"answer": 42}


main = main_of(__name__)
