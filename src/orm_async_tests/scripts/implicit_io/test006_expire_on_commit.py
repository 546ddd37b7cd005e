"""commit() expires an object's attributes, and reading an expired one raises MissingGreenlet.

After a commit, the loaded values may be out of date, so SQLAlchemy expires them. Under asyncio,
reading an expired attribute cannot send a SELECT. Create the session with expire_on_commit=False,
and call refresh() if you need the newest values.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" in the traceback.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

FIRST = select(User).order_by(User.id).limit(1)


@wrong
async def expiring(engine: AsyncEngine) -> str:
    """commit with expire_on_commit=True, then read an attribute"""
    async with AsyncSession(engine) as session:
        user = (await session.scalars(FIRST)).one()
        await session.commit()
        return user.username


@right
async def keeping(engine: AsyncEngine) -> str:
    """commit with expire_on_commit=False, then read an attribute"""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        user = (await session.scalars(FIRST)).one()
        await session.commit()
        return user.username


@right
async def refreshing(engine: AsyncEngine) -> str:
    """commit with expire_on_commit=True, refresh the object, then read an attribute"""
    async with AsyncSession(engine) as session:
        user = (await session.scalars(FIRST)).one()
        await session.commit()
        await session.refresh(user)
        return user.username


def check(expiring: Observation, keeping: Observation, refreshing: Observation) -> None:
    assert expiring.code == "xd2s"
    assert len(expiring.sql) == 1

    assert keeping.value == refreshing.value == "username-1"
    assert len(keeping.sql) == 1  # no second SELECT
    assert len(refreshing.sql) == 2


main = main_of(__name__)
