"""Cancelling a task cancels its query on the server and frees the connection.

When a task is cancelled, the driver asks the server to cancel the task's query. After a cancel,
even a long query ends at once, and the task's pool slot is free again. If you catch CancelledError
and continue, the caller believes that the work was done.

If AnyIO cancels a task, the task's query keeps running on the server (test37).

Docs: https://github.com/sqlalchemy/sqlalchemy/issues/12077
"""

from asyncio import CancelledError, Task, create_task, wait
from contextlib import suppress

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, checked_out, main_of, right, wrong

SLOW = select(func.pg_sleep(60))


@wrong
async def swallowed(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """catch CancelledError and return normally"""

    async def work() -> None:
        with suppress(CancelledError):
            async with engine.connect() as connection:
                await connection.execute(SLOW)

    return await cancelled(create_task(work()), engine, activity)


@right
async def passed_on(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """let CancelledError pass"""

    async def work() -> None:
        async with engine.connect() as connection:
            await connection.execute(SLOW)

    return await cancelled(create_task(work()), engine, activity)


async def cancelled(task: Task[None], engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    await activity.until_running("pg_sleep")
    task.cancel()
    await wait([task])
    await activity.until_ended("pg_sleep")  # within seconds, not sixty
    return {"task cancelled": task.cancelled(), "connections in use": checked_out(engine)}


def check(swallowed: Observation, passed_on: Observation) -> None:
    assert swallowed.value == {"task cancelled": False, "connections in use": 0}
    assert passed_on.value == {"task cancelled": True, "connections in use": 0}


main = main_of(__name__)
