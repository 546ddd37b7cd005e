"""While a task waits for another service, an open transaction keeps its connection.

A few tasks that wait for slow services can exhaust the pool. End the transaction before you call
another service, and begin another transaction after the call.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#when-do-i-construct-a-session-when-do-i-commit-it-and-when-do-i-close-it
"""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Activity, Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User

InUse = dict[str, object]


async def call_service(engine: AsyncEngine, activity: Activity) -> InUse:
    return {"connections in use": checked_out(engine), "backends": await activity.states()}


@wrong
async def inside(engine: AsyncEngine, session: AsyncSession, activity: Activity) -> InUse:
    """read, call another service, and write in one transaction"""
    user = await session.get_one(User, 1)
    in_use = await call_service(engine, activity)
    user.username = "guide"
    await session.commit()
    return in_use


@right
async def between(engine: AsyncEngine, session: AsyncSession, activity: Activity) -> InUse:
    """read and commit, call another service, then write and commit"""
    user = await session.get_one(User, 1)
    await session.commit()
    in_use = await call_service(engine, activity)
    await session.refresh(user)
    user.username = "guide"
    await session.commit()
    return in_use


def check(inside: Observation, between: Observation) -> None:
    assert inside.value == {"connections in use": 1, "backends": ["idle in transaction"]}
    assert between.value == {"connections in use": 0, "backends": ["idle"]}


main = main_of(__name__)
