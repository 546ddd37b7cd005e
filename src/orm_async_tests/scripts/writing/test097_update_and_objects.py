"""update() also changes the loaded objects, unless you pass synchronize_session=False.

By default, the session evaluates the WHERE of an update() in Python to find the matching loaded
objects, and sets their attributes. If Python cannot evaluate the WHERE of an update(), the session
adds RETURNING to find the changed rows. With synchronize_session=False, the loaded objects keep
their old values.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/dml.html#orm-queryguide-update-delete-sync
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
RENAME = update(User).where(User.id == 1).values(username="guide")


@wrong
async def not_synchronized(session: AsyncSession) -> str:
    """execute update() with synchronize_session=False, then read the object"""
    user = (await session.scalars(select(User).where(User.id == 1))).one()
    await session.execute(RENAME, execution_options={"synchronize_session": False})
    return user.username


@right
async def synchronized(session: AsyncSession) -> str:
    """execute update(), then read the object"""
    user = (await session.scalars(select(User).where(User.id == 1))).one()
    await session.execute(RENAME)
    return user.username


def check(not_synchronized: Observation, synchronized: Observation) -> None:
    assert not_synchronized.value == "username-1"
    assert synchronized.value == "guide"
    assert sum(sql.startswith("SELECT") for sql in synchronized.sql) == 1


main = main_of(__name__)
