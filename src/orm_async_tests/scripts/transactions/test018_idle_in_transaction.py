"""After a SELECT, the backend is idle in transaction until the session ends its transaction.

A read begins a transaction, as a write does. An open transaction keeps locks on the tables that it
has read, and may hold back VACUUM. Call commit(), rollback() or close() to end the transaction.

Docs: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def open_end(session: AsyncSession, activity: Activity) -> list[str]:
    """read, and leave the transaction open"""
    await session.execute(select(User))
    return await activity.states()


@right
async def committed(session: AsyncSession, activity: Activity) -> list[str]:
    """read, then commit"""
    await session.execute(select(User))
    await session.commit()
    return await activity.states()


@right
async def closed(session: AsyncSession, activity: Activity) -> list[str]:
    """read, then close the session"""
    await session.execute(select(User))
    await session.close()
    return await activity.states()


def check(open_end: Observation, committed: Observation, closed: Observation) -> None:
    assert open_end.value == ["idle in transaction"]
    assert committed.value == closed.value == ["idle"]
    assert committed.log[-1] == "COMMIT"
    assert closed.log[-1] == "ROLLBACK"


main = main_of(__name__)
