"""get() queries the server once per primary key, but select() queries the server every time.

A call to get() first looks up the primary key in the session's identity map. A select() always
queries the server. If the identity map already has the object of a selected row, select() returns
this object and does not change its attributes.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#get-by-primary-key
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, variant
from orm_async_tests.models import User

ALSO = "aiosqlite"
FIRST = select(User).where(User.id == 1)


@variant
async def selected(session: AsyncSession) -> dict[str, bool]:
    """execute the same select() twice"""
    one = (await session.scalars(FIRST)).one()
    two = (await session.scalars(FIRST)).one()
    return {"same object": one is two}


@variant
async def got(session: AsyncSession) -> dict[str, bool]:
    """call get() twice with the same primary key"""
    one = await session.get(User, 1)
    two = await session.get(User, 1)
    return {"same object": one is two}


def check(selected: Observation, got: Observation) -> None:
    assert selected.value == got.value == {"same object": True}
    assert len(selected.sql) == 2
    assert len(got.sql) == 1


main = main_of(__name__)
