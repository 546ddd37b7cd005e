"""gather() on a session that has a connection raises no error, but runs the queries one by one.

On one connection, SQLAlchemy sends a query only after the server has answered the previous query.
If every task has its own session, the queries run at the same time. In this script, every query
waits for a lock, so that the script can count the queries that wait at the same time.

Sharing a session between tasks raises an error if the pool has no open connection (test25), or if
the tasks flush or commit (test26).

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-asyncsession-with-concurrent-tasks
"""

from asyncio import create_task, gather

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Activity, Observation, Sessions, main_of, right, wrong

TAKE_LOCK = select(func.pg_advisory_xact_lock(24))
WAIT_FOR_LOCK = select(func.pg_advisory_xact_lock_shared(24))


@wrong
async def one_session(
    session: AsyncSession, engine: AsyncEngine, activity: Activity
) -> dict[str, int]:
    """run three queries at the same time in one session"""
    await session.connection()  # a cold pool would raise (test25)
    async with engine.begin() as holder:
        await holder.execute(TAKE_LOCK)
        tasks = [create_task(session.execute(WAIT_FOR_LOCK)) for _ in range(3)]
        await activity.until_blocked(1)
        queries = await activity.blocked()
    await gather(*tasks)
    return {"queries on the server": queries}


@right
async def session_per_task(
    Session: Sessions, engine: AsyncEngine, activity: Activity
) -> dict[str, int]:
    """run three queries at the same time, each in its own session"""

    async def query() -> None:
        async with Session() as session:
            await session.execute(WAIT_FOR_LOCK)

    async with engine.begin() as holder:
        await holder.execute(TAKE_LOCK)
        tasks = [create_task(query()) for _ in range(3)]
        await activity.until_blocked(3)
        queries = await activity.blocked()
    await gather(*tasks)
    return {"queries on the server": queries}


def check(one_session: Observation, session_per_task: Observation) -> None:
    assert one_session.error is None
    assert one_session.value == {"queries on the server": 1}
    assert session_per_task.value == {"queries on the server": 3}
    assert len(one_session.sql) == len(session_per_task.sql) == 1 + 3


main = main_of(__name__)
