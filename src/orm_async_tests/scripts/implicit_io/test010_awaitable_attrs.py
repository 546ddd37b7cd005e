"""awaitable_attrs sends one SELECT per object, so a loop over N objects costs N + 1 statements.

Awaiting an attribute of awaitable_attrs sends one SELECT if the attribute is not loaded, and none
if it is loaded. For many objects, let the query load the attribute, for example with
selectinload().

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncAttrs
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.harness import Observation, main_of, right, variant, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"


@variant
async def once(session: AsyncSession) -> dict[str, int]:
    """await one user's awaitable_attrs.points once"""
    user = (await session.scalars(select(User).limit(1))).one()
    return {"points": len(await user.awaitable_attrs.points)}


@variant
async def twice(session: AsyncSession) -> dict[str, int]:
    """await one user's awaitable_attrs.points twice, then read user.points"""
    user = (await session.scalars(select(User).limit(1))).one()
    await user.awaitable_attrs.points
    await user.awaitable_attrs.points
    return {"points": len(user.points)}


@wrong
async def in_a_loop(session: AsyncSession) -> dict[str, int]:
    """loop over three users, and await user.awaitable_attrs.points"""
    users = (await session.scalars(select(User))).all()
    return {"points": sum([len(await user.awaitable_attrs.points) for user in users])}


@right
async def with_the_query(session: AsyncSession) -> dict[str, int]:
    """load three users and their points with selectinload()"""
    users = (await session.scalars(select(User).options(selectinload(User.points)))).all()
    return {"points": sum([len(await user.awaitable_attrs.points) for user in users])}


def check(
    once: Observation, twice: Observation, in_a_loop: Observation, with_the_query: Observation
) -> None:
    assert once.value == twice.value == {"points": 2}
    assert len(once.sql) == len(twice.sql) == 1 + 1

    assert in_a_loop.value == with_the_query.value == {"points": 6}
    assert len(in_a_loop.sql) == 1 + 3
    assert len(with_the_query.sql) == 1 + 1


main = main_of(__name__)
