"""yield_per does not work with joinedload() of a collection, but it works with selectinload().

With joinedload() and yield_per, the rows of one parent may be split between two batches. With
selectinload() and yield_per, SQLAlchemy sends one more query per batch.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/api.html#fetching-large-result-sets-with-yield-per
Symptom: you get InvalidRequestError "yield_per with eager loaders that require uniquing".
"""

from sqlalchemy import Select, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
BY_TWO = select(User).execution_options(yield_per=2)


async def count_points(session: AsyncSession, query: Select[User]) -> int:
    users = await session.stream_scalars(query)
    return sum([len(user.points) async for user in users])


@wrong
async def joined(session: AsyncSession) -> dict[str, int]:
    """stream users with joinedload()"""
    return {"points": await count_points(session, BY_TWO.options(joinedload(User.points)))}


@right
async def selectin(session: AsyncSession) -> dict[str, int]:
    """stream users with selectinload()"""
    return {"points": await count_points(session, BY_TWO.options(selectinload(User.points)))}


def check(joined: Observation, selectin: Observation) -> None:
    assert isinstance(joined.error, InvalidRequestError)
    assert selectin.value == {"points": 6}
    assert len(selectin.sql) == 1 + 2  # three users in two batches


main = main_of(__name__)
