"""If close() of a connection is cancelled, the connection closes anyway and its slot is free.

This script cancels a task while a `reset` listener of the pool runs SQL. Before SQLAlchemy 2.0.56
and 2.1.6, the attribute `closed` of an AsyncConnection stayed False after a cancelled close().
After a cancelled close() in SQLAlchemy 2.0.55 and 2.1.2 to 2.1.5, two tasks could use the same
database connection.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#custom-reset-on-return-schemes
"""

import asyncio
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orm_async_tests.harness import Observation, Upstream, checked_out, main_of, right, variant

ONE_SLOT = {"pool_size": 1, "max_overflow": 0}
STILL_OPEN = Upstream(
    "after a cancelled close(), an AsyncConnection does not know that it is closed",
    {"sqlalchemy": ">=2.0,<2.0.56 or >=2.1,<2.1.6"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13699",
    "breaks the pool",
)
SLOT_LOST = Upstream(
    "a cancel while the pool resets a connection leaks its slot until garbage collection",
    {"sqlalchemy": ">=2.0,<2.0.55 or >=2.1,<2.1.2"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13622",
    "breaks the pool",
)


async def cancel_in_the_reset(engine: AsyncEngine, task: asyncio.Task[None]) -> None:
    @event.listens_for(engine.sync_engine, "reset", once=True)
    def reset(dbapi_connection: Any, *_: Any) -> None:
        task.cancel()
        dbapi_connection.cursor().execute("RESET ALL")

    await asyncio.wait([task])


@variant(engine=ONE_SLOT, leaks=True, unhandled=True)
async def closed_by_hand(engine: AsyncEngine) -> dict[str, object]:
    """call connection.close()"""
    used = list[AsyncConnection]()

    async def use() -> None:
        used.append(connection := await engine.connect())
        await connection.execute(select(1))
        await connection.close()

    await cancel_in_the_reset(engine, asyncio.create_task(use()))
    return {"closed": used[0].closed, "connections in use": checked_out(engine)}


@right(engine=ONE_SLOT, leaks=True, tasks=True, unhandled=True)
async def exited(engine: AsyncEngine) -> dict[str, object]:
    """leave the block of `async with engine.connect()`"""
    used = list[AsyncConnection]()

    async def use() -> None:
        async with engine.connect() as connection:
            used.append(connection)
            await connection.execute(select(1))

    await cancel_in_the_reset(engine, asyncio.create_task(use()))
    return {"closed": used[0].closed, "connections in use": checked_out(engine)}


def check(closed_by_hand: Observation, exited: Observation) -> None:
    assert len(closed_by_hand.unhandled) == 1  # the pool logs that a reset was interrupted
    with STILL_OPEN:
        assert closed_by_hand.value["closed"] is True
    with SLOT_LOST:
        assert closed_by_hand.value["connections in use"] == 0
        assert exited.value == {"closed": True, "connections in use": 0}
        assert (exited.tasks, exited.unhandled) == (0, [])


main = main_of(__name__)
