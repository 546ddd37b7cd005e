"""with_for_update() does not refresh an object that the session has already loaded.

A SELECT with with_for_update() returns the current row, but the session does not change the loaded
object. If another transaction has changed the row since you loaded the object, a new value that you
compute from the object overwrites the change. To get the current values, use populate_existing, or
refresh(with_for_update=True).

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/api.html#populate-existing
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

QUERY = select(User).where(User.id == 1).with_for_update()


async def load_before_change(session: AsyncSession, other: AsyncEngine) -> User:
    user = await session.get_one(User, 1)
    async with other.begin() as connection:
        await connection.execute(update(User).where(User.id == 1).values(username="guide"))
    return user


@wrong
async def query(session: AsyncSession, other: AsyncEngine) -> dict[str, str]:
    """execute select().with_for_update()"""
    user = await load_before_change(session, other)
    (await session.scalars(QUERY)).one()
    return {"username": user.username}


@right
async def populated(session: AsyncSession, other: AsyncEngine) -> dict[str, str]:
    """execute select().with_for_update() with populate_existing"""
    user = await load_before_change(session, other)
    (await session.scalars(QUERY.execution_options(populate_existing=True))).one()
    return {"username": user.username}


@wrong
async def get(session: AsyncSession, other: AsyncEngine) -> dict[str, str]:
    """call session.get(with_for_update=True)"""
    user = await load_before_change(session, other)
    await session.get_one(User, 1, with_for_update=True)
    return {"username": user.username}


@right
async def refreshed(session: AsyncSession, other: AsyncEngine) -> dict[str, str]:
    """call session.refresh(with_for_update=True)"""
    user = await load_before_change(session, other)
    await session.refresh(user, with_for_update=True)
    return {"username": user.username}


def check(
    query: Observation, populated: Observation, get: Observation, refreshed: Observation
) -> None:
    assert query.value == get.value == {"username": "username-1"}
    assert populated.value == refreshed.value == {"username": "guide"}


main = main_of(__name__)
