"""A rollback expires the attributes of objects, even with expire_on_commit=False.

The setting expire_on_commit has no effect on rollbacks. After a rollback the loaded values may be
wrong, so SQLAlchemy expires them. Read the values that you need before the rollback, or call
refresh() after the rollback.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#rolling-back
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" in the traceback.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

FIRST = select(User).order_by(User.id).limit(1)


@wrong
async def read_after(engine: AsyncEngine) -> str:
    """roll back, then read an attribute"""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        user = (await session.scalars(FIRST)).one()
        await session.rollback()
        return user.username


@right
async def read_before(engine: AsyncEngine) -> str:
    """read an attribute, then roll back"""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        user = (await session.scalars(FIRST)).one()
        username = user.username
        await session.rollback()
        return username


@right
async def refreshed(engine: AsyncEngine) -> str:
    """roll back, refresh the object, then read an attribute"""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        user = (await session.scalars(FIRST)).one()
        await session.rollback()
        await session.refresh(user)
        return user.username


def check(read_after: Observation, read_before: Observation, refreshed: Observation) -> None:
    assert read_after.code == "xd2s"
    assert read_before.value == refreshed.value == "username-1"
    assert len(read_before.sql) == 1
    assert len(refreshed.sql) == 2


main = main_of(__name__)
