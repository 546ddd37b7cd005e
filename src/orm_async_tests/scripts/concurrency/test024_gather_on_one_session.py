"""gather() on one warm session raises nothing: its queries wait for each other.

The adapter between SQLAlchemy and the driver holds a mutex for each connection, so the
second query is sent when the first has its answer. With a session for each task there is a
connection for each task. Here every query needs a lock that somebody else holds: how many
backends wait for it tells how many queries are on the server at once.

It does not show the cold pool (test25), nor flush and commit (test26): those raise.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-asyncsession-with-concurrent-tasks
"""

from asyncio import create_task, gather

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Activity, Observation, Sessions, main_of, right, wrong

HOLD = select(func.pg_advisory_xact_lock(24))
NEED = select(func.pg_advisory_xact_lock_shared(24))


@wrong
async def one_session(
    session: AsyncSession, engine: AsyncEngine, activity: Activity
) -> dict[str, int]:
    """three tasks, one session"""
    await session.connection()  # else its tasks would meet a cold pool
    async with engine.begin() as holder:
        await holder.execute(HOLD)
        tasks = [create_task(session.execute(NEED)) for _ in range(3)]
        await activity.until_blocked(1)
        on_the_server = await activity.blocked()
    await gather(*tasks)
    return {"queries on the server": on_the_server}


@right
async def a_session_each(
    Session: Sessions, engine: AsyncEngine, activity: Activity
) -> dict[str, int]:
    """three tasks, three sessions"""

    async def need() -> None:
        async with Session() as session:
            await session.execute(NEED)

    async with engine.begin() as holder:
        await holder.execute(HOLD)
        tasks = [create_task(need()) for _ in range(3)]
        await activity.until_blocked(3)
        on_the_server = await activity.blocked()
    await gather(*tasks)
    return {"queries on the server": on_the_server}


def check(one_session: Observation, a_session_each: Observation) -> None:
    assert one_session.error is None
    assert one_session.value == {"queries on the server": 1}
    assert a_session_each.value == {"queries on the server": 3}
    assert len(one_session.sql) == len(a_session_each.sql) == 1 + 3


main = main_of(__name__)
