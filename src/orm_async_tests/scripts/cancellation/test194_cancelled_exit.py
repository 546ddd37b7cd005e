"""A task that is cancelled as it leaves `async with` ends only after its connection is returned.

This script cancels a task while a slow `reset` listener of the pool runs. Before SQLAlchemy 2.0.55
and 2.1.2, a cancelled task ended at once, and SQLAlchemy closed the task's connection later in the
background. Before SQLAlchemy 2.0.55 and 2.1.2, calling dispose() soon after a task was cancelled
left the task's connection open.

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.2
"""

import asyncio
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, Upstream, checked_out, main_of, variant

DEFECT = Upstream(
    "if a task is cancelled at the end of `async with`, it ends before its connection is closed",
    {"sqlalchemy": ">=2.0,<2.0.55 or >=2.1,<2.1.2"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/12710",
    "breaks the pool",
)


async def cancel_in_the_reset(engine: AsyncEngine, task: asyncio.Task[None]) -> None:
    @event.listens_for(engine.sync_engine, "reset", once=True)
    def reset(dbapi_connection: Any, *_: Any) -> None:
        task.cancel()
        dbapi_connection.cursor().execute("SELECT pg_sleep(0.3)")

    await asyncio.wait([task])


@variant(leaks=True, tasks=True, unhandled=True)
async def connection(engine: AsyncEngine) -> dict[str, object]:
    """cancel the task at the end of `async with engine.connect()`"""

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.execute(select(1))

    task = asyncio.create_task(use())
    await cancel_in_the_reset(engine, task)
    return {"cancelled": task.cancelled(), "connections in use": checked_out(engine)}


@variant(leaks=True, tasks=True, unhandled=True)
async def session(engine: AsyncEngine) -> dict[str, object]:
    """cancel the task at the end of `async with AsyncSession()`"""

    async def use() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(select(1))

    task = asyncio.create_task(use())
    await cancel_in_the_reset(engine, task)
    return {"cancelled": task.cancelled(), "connections in use": checked_out(engine)}


def check(connection: Observation, session: Observation) -> None:
    assert connection.value["cancelled"] is True
    assert session.value["cancelled"] is True
    with DEFECT:
        assert connection.tasks == session.tasks == 0
        assert connection.unhandled == session.unhandled == []
        assert connection.value["connections in use"] == 0
        assert session.value["connections in use"] == 0


main = main_of(__name__)
