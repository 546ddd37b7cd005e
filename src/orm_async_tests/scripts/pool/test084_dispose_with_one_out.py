"""dispose() leaves a connection in use alone, and then nobody closes it.

The pool is replaced by an empty one. The connection works on, returns to the old pool, and
its backend stays until the old pool is garbage. Dispose when everything has come back.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#engine-disposal
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong

ONE = select(1)


@wrong(leaks=True, warns=True)
async def in_use(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """dispose while one is in use; the backends then, and when it has come back"""
    old: Any = engine.pool  # while somebody knows it, it is not garbage
    async with engine.connect() as connection:
        await engine.dispose()
        await connection.execute(ONE)
        then = len(await activity.pids())
    after = len(await activity.pids())
    return {"backends": then, "backends after": after, "idle in the old pool": old.checkedin()}


@right
async def all_back(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """dispose when it has come back; the backends before, and after"""
    async with engine.connect() as connection:
        await connection.execute(ONE)
        then = len(await activity.pids())
    await engine.dispose()
    await activity.until_open(0)
    return {"backends": then, "backends after": len(await activity.pids())}


def check(in_use: Observation, all_back: Observation) -> None:
    assert in_use.value == {"backends": 1, "backends after": 1, "idle in the old pool": 1}
    assert all_back.value == {"backends": 1, "backends after": 0}
    assert len(in_use.sql) == len(all_back.sql) == 1


main = main_of(__name__)
