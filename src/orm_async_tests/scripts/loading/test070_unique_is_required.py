"""After joinedload() of a collection, reading the result without unique() raises an error.

The rows of a join repeat the parent for every child. The legacy Query removes duplicate parents by
itself, but after select() you must call unique() on the result.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html#joined-eager-loading
Symptom: you get InvalidRequestError "The unique() method must be invoked on this Result".
"""

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import TrackPoint, User

ALSO = "aiosqlite"
JOINED = select(User).options(joinedload(User.points))


@wrong
async def all_rows(session: AsyncSession) -> dict[str, int]:
    """call scalars().all()"""
    return {"users": len((await session.scalars(JOINED)).all())}


@right
async def unique(session: AsyncSession) -> dict[str, int]:
    """call scalars().unique().all()"""
    return {"users": len((await session.scalars(JOINED)).unique().all())}


@right
async def to_one(session: AsyncSession) -> dict[str, int]:
    """load the parent of every point with joinedload(), which repeats no row"""
    query = select(TrackPoint).options(joinedload(TrackPoint.user))
    return {"users": len({point.user for point in await session.scalars(query)})}


def check(all_rows: Observation, unique: Observation, to_one: Observation) -> None:
    assert isinstance(all_rows.error, InvalidRequestError)
    assert unique.value == to_one.value == {"users": 3}
    assert len(unique.sql) == len(to_one.sql) == 1


main = main_of(__name__)
