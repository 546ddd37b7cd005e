"""Closing a connection that another task is using corrupts the pool.

At the end of `async with`, SQLAlchemy tries to send ROLLBACK, but asyncpg refuses because a query
of another task is still running. If asyncpg refuses a ROLLBACK, SQLAlchemy 2.1.4 and later return
the connection to the pool with an open transaction, and every later checkout fails (rvf5). If
asyncpg refuses a ROLLBACK, SQLAlchemy before 2.1.4 loses the connection's slot in the pool, so
later checkouts time out (3o7r). On psycopg, the ROLLBACK at the end of `async with` waits for the
running query. Wait for your tasks inside `async with`, for example with a TaskGroup.

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.4
Symptom: you get InterfaceError "another operation is in progress" on asyncpg.
Symptom: you get an error "cannot use Connection.transaction() in a manually started transaction"
on asyncpg.
"""

from asyncio import Task, TaskGroup, create_task, gather
from contextlib import suppress
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.exc import InterfaceError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, Upstream, main_of, right, wrong
from orm_async_tests.models import User

DEFECT = Upstream(
    "if a connection is closed while a task uses it, later checkouts fail",
    {"sqlalchemy": ">=2.0,<2.2", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13657",
    "breaks the pool",
)
POOL = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
LOCK = select(User.id).where(User.id == 1).with_for_update()


async def check_out_twice(engine: AsyncEngine) -> dict[str, list[str]]:
    outcomes = []  # each is the rows, or the code of an error
    for _ in range(2):
        try:
            async with engine.connect() as connection:
                await connection.execute(select(1))
            outcomes.append("rows")
        except SQLAlchemyError as error:
            outcomes.append(str(error.code))
    return {"the next two checkouts": outcomes}


@wrong(engine=POOL, leaks=True, warns=True, unhandled=True)
async def closed_early(
    engine: AsyncEngine, other: AsyncEngine, activity: Activity
) -> dict[str, list[str]]:
    """leave `async with` while another task runs a query on the connection"""
    tasks = list[Task[Any]]()

    def release(_: object) -> None:
        tasks.append(create_task(holder.rollback()))

    async with other.connect() as holder:
        await holder.execute(LOCK)
        with suppress(InterfaceError):
            async with engine.connect() as connection:
                await connection.execute(select(1))
                tasks.append(create_task(connection.execute(LOCK)))
                await activity.until_blocked()
                # The query ends after SQLAlchemy has begun to close the connection.
                event.listen(engine.sync_engine, "rollback", release, once=True)
        await gather(*tasks)
    return await check_out_twice(engine)


@right(engine=POOL)
async def waited(engine: AsyncEngine) -> dict[str, list[str]]:
    """leave `async with` after another task has finished its query on the connection"""
    async with engine.connect() as connection:
        await connection.execute(select(1))
        async with TaskGroup() as tasks:
            tasks.create_task(connection.execute(LOCK))
    return await check_out_twice(engine)


def check(closed_early: Observation, waited: Observation) -> None:
    first, second = closed_early.value["the next two checkouts"]
    assert waited.value == {"the next two checkouts": ["rows", "rows"]}
    assert first == second in ("rvf5", "3o7r", "rows")

    with DEFECT:
        assert first == "rows"


main = main_of(__name__)
