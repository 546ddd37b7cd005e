"""For N parents, joinedload() sends one statement, selectinload() two, and immediateload() 1 + N.

Every variant of this script reads three users with two points each. Loading with joinedload() takes
one statement. Loading with selectinload() or subqueryload() takes one statement in addition to the
query. Loading with immediateload() or awaitable_attrs takes one statement per user in addition to
the query. With raiseload(), SQLAlchemy loads no related objects, and reading the relationship
raises an error.

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
    """joinedload() sends one statement, which repeats the user's columns for every point"""
    users = await session.scalars(select(User).options(joinedload(User.points)))
    return {"points": sum(len(user.points) for user in users.unique())}


@right
async def selectin(session: AsyncSession) -> dict[str, int]:
    """selectinload() sends one more statement for every batch of up to 500 parents"""
    users = await session.scalars(select(User).options(selectinload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


@variant
async def subquery(session: AsyncSession) -> dict[str, int]:
    """subqueryload() sends one more statement, which contains the query as a subquery"""
    users = await session.scalars(select(User).options(subqueryload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


@wrong
async def immediate(session: AsyncSession) -> dict[str, int]:
    """immediateload() sends one statement per user in addition to the query"""
    users = await session.scalars(select(User).options(immediateload(User.points)))
    return {"points": sum(len(user.points) for user in users)}


@wrong
async def awaitable(session: AsyncSession) -> dict[str, int]:
    """awaitable_attrs sends one statement per user in addition to the query"""
    users = await session.scalars(select(User))
    return {"points": sum([len(await user.awaitable_attrs.points) for user in users])}


@variant
async def raising(session: AsyncSession) -> dict[str, int]:
    """raiseload() sends no second statement, and reading the relationship raises an error"""
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
