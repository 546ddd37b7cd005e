"""A backend killed inside a transaction: the session wants a rollback first.

The statement fails as a disconnect, and the work is lost: nothing can go on by itself, and
pool_pre_ping, which asks at checkout, does not see it. Roll back and do the whole again.

Symptom: PendingRollbackError 8s2b "Can't reconnect until invalid transaction is rolled back"
Docs: https://docs.sqlalchemy.org/en/21/errors.html#error-8s2b
"""

from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User

USERS = select(User)


@wrong
async def going_on(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """the backend is killed; catch the error, and go on"""
    await session.execute(USERS)
    await activity.terminate()
    with suppress(DBAPIError):
        await session.execute(USERS)
    return {"users": len((await session.scalars(USERS)).all())}


@right
async def rolling_back(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """the same, but roll back before going on"""
    await session.execute(USERS)
    await activity.terminate()
    with suppress(DBAPIError):
        await session.execute(USERS)
    await session.rollback()
    return {"users": len((await session.scalars(USERS)).all())}


def check(going_on: Observation, rolling_back: Observation) -> None:
    assert going_on.code == "8s2b"
    assert rolling_back.value == {"users": 3}


main = main_of(__name__)
