"""If AnyIO cancels a task on asyncpg, the task's query keeps running on the server.

If asyncio cancels a task once, asyncpg asks the server to cancel the task's query. AnyIO, which
FastAPI uses, cancels a task again at every await. By cancelling a task repeatedly, AnyIO interrupts
asyncpg before asyncpg has asked the server to cancel the query. While the query of a
cancelled task keeps running, it keeps its locks. To limit the time of a query, set
statement_timeout.

Docs: https://anyio.readthedocs.io/en/stable/cancellation.html
Docs: https://github.com/MagicStack/asyncpg/issues/1156
"""

import asyncio

from sqlalchemy import text

from orm_async_tests.harness import Activity, MakeEngine, Observation, main_of, right, wrong
from orm_async_tests.harness.definitions.known_defects import (
    CANCEL_IS_LOGGED,
    CLOSE_HANGS,
    LEFT_OPEN,
)

ONLY = "asyncpg"
SLEEP = text("SELECT pg_sleep(60)")


async def sleep(make_engine: MakeEngine, statement_timeout: str) -> None:
    settings = {"server_settings": {"statement_timeout": statement_timeout}}
    async with make_engine(connect_args=settings).connect() as connection:
        await connection.execute(SLEEP)


@wrong(tasks=True, unhandled=True)
async def cancel_a_scope(make_engine: MakeEngine, activity: Activity) -> dict[str, int]:
    """cancel an AnyIO scope while its task runs a query"""
    import anyio

    async with anyio.create_task_group() as group:
        group.start_soon(sleep, make_engine, "0")
        await activity.until_running("pg_sleep")
        group.cancel_scope.cancel()
    running = await activity.running("pg_sleep")
    await activity.terminate()
    return {"queries running": running}


@right
async def cancel_a_task(make_engine: MakeEngine, activity: Activity) -> dict[str, int]:
    """cancel an asyncio task while it runs a query"""
    task = asyncio.create_task(sleep(make_engine, "0"))
    await activity.until_running("pg_sleep")
    task.cancel()
    await asyncio.wait([task])
    await activity.until_ended("pg_sleep")
    return {"queries running": await activity.running("pg_sleep")}


@right(leaks=True, unhandled=True)
async def limit_the_statement(make_engine: MakeEngine, activity: Activity) -> dict[str, int]:
    """cancel an AnyIO scope while a query runs, with a statement_timeout on the server"""
    import anyio

    async with anyio.create_task_group() as group:
        group.start_soon(sleep, make_engine, "3s")
        await activity.until_running("pg_sleep")
        group.cancel_scope.cancel()
    await activity.until_ended("pg_sleep")
    return {"queries running": await activity.running("pg_sleep")}


def check(
    cancel_a_scope: Observation, cancel_a_task: Observation, limit_the_statement: Observation
) -> None:
    assert cancel_a_scope.value == {"queries running": 1}
    assert cancel_a_task.value == {"queries running": 0}
    assert limit_the_statement.value == {"queries running": 0}

    with CANCEL_IS_LOGGED:
        assert cancel_a_scope.unhandled == limit_the_statement.unhandled == []
    with CLOSE_HANGS:
        assert cancel_a_scope.tasks == 0
    with LEFT_OPEN:
        assert limit_the_statement.leaked == 0


main = main_of(__name__)
