"""A task that is cancelled while it receives a pooled connection still ends as cancelled.

This script returns a connection to the pool, and at the same moment cancels the task that waits for
the connection. If a task gets a connection and a cancel at the same time, asyncio.wait_for() of
Python 3.11 swallows the cancel. Before SQLAlchemy 2.0.56 and 2.1.7, the pool waited with
asyncio.wait_for(), so on Python 3.11 a cancelled task could get a connection and continue. If
asyncio.current_task().cancelling() is not 0, the current task was cancelled and should end.

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.7
Docs: https://github.com/python/cpython/issues/86296
"""

import asyncio

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, main_of, right, variant
from orm_async_tests.models import User

ONE_SLOT = {"pool_size": 1, "max_overflow": 0}
DEFECT = Upstream(
    "if a task gets a pooled connection and a cancel at the same time, the cancel is lost",
    {"sqlalchemy": ">=2.0,<2.0.56 or >=2.1,<2.1.7", "python": "<3.12"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13749",
    "wrong result",
)
NEW = insert(User).values(username="written after the cancel")
USERS = select(func.count(User.id))


@variant(engine=ONE_SLOT)
async def served(engine: AsyncEngine) -> dict[str, object]:
    """return a connection to the pool, and cancel the task that waits for a connection"""

    async def write() -> None:
        async with engine.begin() as connection:
            await connection.execute(NEW)

    async with engine.connect() as connection:
        task = asyncio.create_task(write())
        await connection.execute(select(1))  # meanwhile the task reaches the pool
    task.cancel()
    await asyncio.wait([task])
    async with engine.connect() as connection:
        return {"cancelled": task.cancelled(), "users": await connection.scalar(USERS)}


@right(engine=ONE_SLOT)
async def checked(engine: AsyncEngine) -> dict[str, object]:
    """return a connection to the pool, and cancel a waiting task that checks cancelling()"""

    async def write() -> None:
        async with engine.begin() as connection:
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError
            await connection.execute(NEW)

    async with engine.connect() as connection:
        task = asyncio.create_task(write())
        await connection.execute(select(1))
    task.cancel()
    await asyncio.wait([task])
    async with engine.connect() as connection:
        return {"cancelled": task.cancelled(), "users": await connection.scalar(USERS)}


def check(served: Observation, checked: Observation) -> None:
    assert checked.value == {"cancelled": True, "users": 3}
    with DEFECT:
        assert served.value == {"cancelled": True, "users": 3}


main = main_of(__name__)
