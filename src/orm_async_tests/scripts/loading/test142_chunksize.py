"""Since SQLAlchemy 2.1, selectinload(chunksize=) sets the number of parents in one SELECT.

By default, one SELECT loads the children of 500 parents (test15). A smaller chunksize makes
SQLAlchemy send more and shorter statements.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html#sqlalchemy.orm.selectinload
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.harness import Observation, main_of, variant
from orm_async_tests.models import User

SINCE = "2.1"
ALSO = "aiosqlite"


@variant
async def default_size(session: AsyncSession) -> dict[str, int]:
    """load three users with their points, with the default chunksize"""
    users = await session.scalars(select(User).options(selectinload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


@variant
async def one_by_one(session: AsyncSession) -> dict[str, int]:
    """load three users with their points, with chunksize=1"""
    load = selectinload(User.points, chunksize=1)
    users = await session.scalars(select(User).options(load))
    return {"points": sum(len(user.points) for user in users)}


def check(default_size: Observation, one_by_one: Observation) -> None:
    assert default_size.value == one_by_one.value == {"points": 6}
    assert (len(default_size.sql), len(one_by_one.sql)) == (1 + 1, 1 + 3)


main = main_of(__name__)
