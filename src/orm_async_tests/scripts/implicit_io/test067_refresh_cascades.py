"""refresh() of a parent with cascade="all" expires the children that are loaded.

The cascade includes refresh-expire: the children in the collection are expired with their
parent, and reading one raises xd2s. A loader option of the query is repeated by refresh() and
loads them again; refresh() with attribute names touches those alone.

Symptom: MissingGreenlet xd2s "greenlet_spawn has not been called" in "_load_expired"
Docs: https://docs.sqlalchemy.org/en/21/orm/cascades.html#refresh-expire
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

FIRST = select(User).order_by(User.id).limit(1)


@wrong
async def refreshed(session: AsyncSession) -> dict[str, float]:
    """load the points, refresh(user), read a point"""
    user = (await session.scalars(FIRST)).one()
    point, *_ = await user.awaitable_attrs.points
    await session.refresh(user)
    return {"latitude": float(point.lat)}


@right
async def with_option(session: AsyncSession) -> dict[str, float]:
    """the same, the points loaded by an option of the query"""
    user = (await session.scalars(FIRST.options(selectinload(User.points)))).one()
    point, *_ = user.points
    await session.refresh(user)
    return {"latitude": float(point.lat)}


@right
async def by_name(session: AsyncSession) -> dict[str, float]:
    """the same with refresh(user, ["username"])"""
    user = (await session.scalars(FIRST)).one()
    point, *_ = await user.awaitable_attrs.points
    await session.refresh(user, ["username"])
    return {"latitude": float(point.lat)}


def check(refreshed: Observation, with_option: Observation, by_name: Observation) -> None:
    assert refreshed.code == "xd2s"
    assert with_option.value == by_name.value == {"latitude": 46.0}
    assert [len(seen.sql) for seen in (refreshed, with_option, by_name)] == [3, 4, 3]


main = main_of(__name__)
