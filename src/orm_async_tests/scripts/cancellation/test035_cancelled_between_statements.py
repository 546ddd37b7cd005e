"""A task that is cancelled between two statements loses its uncommitted work and nothing else.

CancelledError leaves the `async with` block like any other exception, so SQLAlchemy rolls the
transaction back. After the rollback, the pool gives the cancelled task's connection to the next
task. If work must not be lost, commit it before the next await.

Docs: https://github.com/sqlalchemy/sqlalchemy/issues/8145
"""

from asyncio import Event, create_task, wait

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Activity, Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User

INSERT = insert(User).values(username="new")
COUNT = "SELECT count(*) FROM users WHERE username = 'new'"


@wrong
async def uncommitted(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """insert a row, then cancel the task before its commit()"""
    waiting = Event()

    async def work() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(INSERT)
            waiting.set()
            await Event().wait()
            await session.commit()

    task = create_task(work())
    await waiting.wait()
    task.cancel()
    await wait([task])
    return {"rows": int(await activity.scalar(COUNT)), "connections in use": checked_out(engine)}


@right
async def committed(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """insert a row, commit, then cancel the task"""
    waiting = Event()

    async def work() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(INSERT)
            await session.commit()
            waiting.set()
            await Event().wait()

    task = create_task(work())
    await waiting.wait()
    task.cancel()
    await wait([task])
    return {"rows": int(await activity.scalar(COUNT)), "connections in use": checked_out(engine)}


def check(uncommitted: Observation, committed: Observation) -> None:
    assert uncommitted.value == {"rows": 0, "connections in use": 0}
    assert uncommitted.log[-1] == "ROLLBACK"
    assert committed.value == {"rows": 1, "connections in use": 0}


main = main_of(__name__)
