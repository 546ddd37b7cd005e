"""A task that is cancelled as it leaves `async with` ends only after its connection is returned.

This script cancels a task while a `reset` listener of the pool waits for a lock. Before SQLAlchemy
2.0.55 and 2.1.2, a cancelled task ended at once, and SQLAlchemy closed the task's connection later
in the background. Before SQLAlchemy 2.0.55 and 2.1.2, calling dispose() soon after a task was
cancelled left the task's connection open.

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.2
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Activity, Observation, Upstream, checked_out, main_of, variant

DEFECT = Upstream(
    "if a task is cancelled at the end of `async with`, it ends before its connection is closed",
    {"sqlalchemy": ">=2.0,<2.0.55 or >=2.1,<2.1.2"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/12710",
    "breaks the pool",
)
LOCK = "SELECT FROM users WHERE id = 1 FOR UPDATE"


async def cancel_in_the_reset(
    engine: AsyncEngine, other: AsyncEngine, activity: Activity, use: Callable[[], Awaitable[None]]
) -> dict[str, object]:
    def reset(dbapi_connection: Any, *_: Any) -> None:
        task.cancel()
        dbapi_connection.cursor().execute(LOCK)

    async with other.connect() as holder:
        await holder.exec_driver_sql(LOCK)
        event.listen(engine.sync_engine, "reset", reset, once=True)
        task = asyncio.ensure_future(use())
        await activity.until_blocked()
        ended_early = task.done()
    await asyncio.wait([task])
    return {
        "ended before the return": ended_early,
        "cancelled": task.cancelled(),
        "connections in use": checked_out(engine),
    }


@variant(leaks=True, tasks=True, unhandled=True)
async def connection(
    engine: AsyncEngine, other: AsyncEngine, activity: Activity
) -> dict[str, object]:
    """cancel the task at the end of `async with engine.connect()`"""

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.execute(select(1))

    return await cancel_in_the_reset(engine, other, activity, use)


@variant(leaks=True, tasks=True, unhandled=True)
async def session(engine: AsyncEngine, other: AsyncEngine, activity: Activity) -> dict[str, object]:
    """cancel the task at the end of `async with AsyncSession()`"""

    async def use() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(select(1))

    return await cancel_in_the_reset(engine, other, activity, use)


def check(connection: Observation, session: Observation) -> None:
    assert connection.value["cancelled"] is True
    assert session.value["cancelled"] is True
    with DEFECT:
        assert connection.value["ended before the return"] is False
        assert session.value["ended before the return"] is False
        assert connection.tasks == session.tasks == 0
        assert connection.unhandled == session.unhandled == []
        assert connection.value["connections in use"] == 0
        assert session.value["connections in use"] == 0


main = main_of(__name__)
