"""AnyIO cancels at each wait, so on asyncpg the query lives on in the server.

A task of asyncio is cancelled once, and asyncpg uses the time to cancel the query as well. AnyIO,
on which FastAPI stands, cancels again at each wait: asyncpg's own request to the server is cut
off too. The pool is whole, but the query goes on, with its locks. Only the server can end it:
give it a statement_timeout.

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
    """cancel AnyIO's scope: the task has ended, its query has not"""
    import anyio

    async with anyio.create_task_group() as group:
        group.start_soon(sleep, make_engine, "0")
        await activity.until_running("pg_sleep")
        group.cancel_scope.cancel()
    left = await activity.running("pg_sleep")
    await activity.terminate()
    return {"queries left": left}


@right
async def cancel_a_task(make_engine: MakeEngine, activity: Activity) -> dict[str, int]:
    """cancel a task of asyncio: its query is cancelled with it"""
    task = asyncio.create_task(sleep(make_engine, "0"))
    await activity.until_running("pg_sleep")
    task.cancel()
    await asyncio.wait([task])
    await activity.until_gone("pg_sleep")
    return {"queries left": await activity.running("pg_sleep")}


@right(leaks=True, unhandled=True)
async def limit_the_statement(make_engine: MakeEngine, activity: Activity) -> dict[str, int]:
    """cancel AnyIO's scope, with a statement_timeout: the server ends the query"""
    import anyio

    async with anyio.create_task_group() as group:
        group.start_soon(sleep, make_engine, "500ms")
        await activity.until_running("pg_sleep")
        group.cancel_scope.cancel()
    await activity.until_gone("pg_sleep")
    return {"queries left": await activity.running("pg_sleep")}


def check(
    cancel_a_scope: Observation, cancel_a_task: Observation, limit_the_statement: Observation
) -> None:
    assert cancel_a_scope.value == {"queries left": 1}
    assert cancel_a_task.value == {"queries left": 0}
    assert limit_the_statement.value == {"queries left": 0}

    with CANCEL_IS_LOGGED:
        assert cancel_a_scope.unhandled == limit_the_statement.unhandled == []
    with CLOSE_HANGS:
        assert cancel_a_scope.tasks == 0
    with LEFT_OPEN:
        assert limit_the_statement.leaked == 0


main = main_of(__name__)
