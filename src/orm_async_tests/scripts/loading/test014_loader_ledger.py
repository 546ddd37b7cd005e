"""joinedload() sends 1 statement, selectinload() and subqueryload() 2, immediateload() 1 + N.

Every variant reads three users with two points each. Depending on the loader, SQLAlchemy sends one
statement in total, one more statement, or one more statement per parent. An attribute of
awaitable_attrs is loaded when you await it, so it also costs one statement per parent. With
raiseload() SQLAlchemy sends no further statement.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html
"""

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import immediateload, joinedload, raiseload, selectinload, subqueryload

from orm_async_tests.harness import Observation, main_of, right, variant, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"


@variant
async def joined(session: AsyncSession) -> dict[str, int]:
    """joinedload(): one statement, which repeats the user's columns for every point"""
    users = await session.scalars(select(User).options(joinedload(User.points)))
    return {"points": sum(len(user.points) for user in users.unique())}


@right
async def selectin(session: AsyncSession) -> dict[str, int]:
    """selectinload(): one more statement for up to 500 parents"""
    users = await session.scalars(select(User).options(selectinload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


@variant
async def subquery(session: AsyncSession) -> dict[str, int]:
    """subqueryload(): one more statement, which repeats the first statement as a subquery"""
    users = await session.scalars(select(User).options(subqueryload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


@wrong
async def immediate(session: AsyncSession) -> dict[str, int]:
    """immediateload(): one more statement per user"""
    users = await session.scalars(select(User).options(immediateload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


@wrong
async def awaitable(session: AsyncSession) -> dict[str, int]:
    """awaitable_attrs: one more statement per user, which the loop sends"""
    users = await session.scalars(select(User))
    return {"points": sum([len(await user.awaitable_attrs.points) for user in users])}


@variant
async def raising(session: AsyncSession) -> dict[str, int]:
    """raiseload(): no further statement, because reading the points raises an error"""
    users = await session.scalars(select(User).options(raiseload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


def check(
    joined: Observation,
    selectin: Observation,
    subquery: Observation,
    immediate: Observation,
    awaitable: Observation,
    raising: Observation,
) -> None:
    assert len(joined.sql) == 1
    assert len(selectin.sql) == len(subquery.sql) == 2
    assert len(immediate.sql) == len(awaitable.sql) == 1 + 3
    complete = (joined, selectin, subquery, immediate, awaitable)
    assert all(run.value == {"points": 6} for run in complete)

    assert len(raising.sql) == 1
    assert isinstance(raising.error, InvalidRequestError)


main = main_of(__name__)
