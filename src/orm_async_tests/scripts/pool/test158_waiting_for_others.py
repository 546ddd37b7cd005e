"""A task that waits for something else inside a transaction keeps its connection.

A call of another service between two statements holds a slot of the pool, and a backend idle in
transaction, for as long as that service takes: ten slow answers, and the pool is empty. End the
transaction before the call, and begin another one after it.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#when-do-i-construct-a-session-when-do-i-commit-it-and-when-do-i-close-it
"""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Activity, Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User

Held = dict[str, object]


async def elsewhere(engine: AsyncEngine, activity: Activity) -> Held:
    """What another service would take its time for: here it says what is held meanwhile."""
    return {"connections in use": checked_out(engine), "backends": await activity.states()}


@wrong
async def inside(engine: AsyncEngine, session: AsyncSession, activity: Activity) -> Held:
    """read, call, write, in one transaction"""
    user = await session.get_one(User, 1)
    held = await elsewhere(engine, activity)
    user.username = "guide"
    await session.commit()
    return held


@right
async def between(engine: AsyncEngine, session: AsyncSession, activity: Activity) -> Held:
    """read and commit, call, write and commit"""
    user = await session.get_one(User, 1)
    await session.commit()
    held = await elsewhere(engine, activity)
    await session.refresh(user)
    user.username = "guide"
    await session.commit()
    return held


def check(inside: Observation, between: Observation) -> None:
    assert inside.value == {"connections in use": 1, "backends": ["idle in transaction"]}
    assert between.value == {"connections in use": 0, "backends": ["idle"]}


main = main_of(__name__)
