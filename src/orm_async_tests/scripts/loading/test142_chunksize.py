"""Since 2.1 selectinload(chunksize=) sets the number of parents in one SELECT.

The default of 500 (test15) means 500 parameters in a statement. With a smaller number SQLAlchemy
sends more and shorter statements, and with a larger number fewer and longer ones. test108 shows the
driver's limit on parameters.

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
    """load three users with their points"""
    users = await session.scalars(select(User).options(selectinload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


@variant
async def one_by_one(session: AsyncSession) -> dict[str, int]:
    """load three users with their points, chunksize=1"""
    load = selectinload(User.points, chunksize=1)
    users = await session.scalars(select(User).options(load))
    return {"points": sum(len(user.points) for user in users)}


def check(default_size: Observation, one_by_one: Observation) -> None:
    assert default_size.value == one_by_one.value == {"points": 6}
    assert (len(default_size.sql), len(one_by_one.sql)) == (1 + 1, 1 + 3)


main = main_of(__name__)
