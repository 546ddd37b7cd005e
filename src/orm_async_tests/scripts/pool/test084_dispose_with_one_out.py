"""dispose() does not close a connection that is in use, and nothing closes it later.

A call to dispose() replaces the pool with an empty pool. A connection that is in use during
dispose() later returns to the old pool, and stays open until the old pool is garbage-collected.
Dispose the engine only after all connections have been returned.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#engine-disposal
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong

SELECT = select(1)


@wrong(leaks=True, warns=True)
async def in_use(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """call dispose() while a connection is in use, then return the connection and count backends"""
    old: Any = engine.pool  # this reference prevents its garbage collection
    async with engine.connect() as connection:
        await engine.dispose()
        await connection.execute(SELECT)
        then = len(await activity.pids())
    after = len(await activity.pids())
    return {"backends": then, "backends after": after, "idle in the old pool": old.checkedin()}


@right
async def all_returned(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """dispose the engine after the connection has been returned"""
    async with engine.connect() as connection:
        await connection.execute(SELECT)
        then = len(await activity.pids())
    await engine.dispose()
    await activity.until_open(0)
    return {"backends": then, "backends after": len(await activity.pids())}


def check(in_use: Observation, all_returned: Observation) -> None:
    assert in_use.value == {"backends": 1, "backends after": 1, "idle in the old pool": 1}
    assert all_returned.value == {"backends": 1, "backends after": 0}
    assert len(in_use.sql) == len(all_returned.sql) == 1


main = main_of(__name__)
