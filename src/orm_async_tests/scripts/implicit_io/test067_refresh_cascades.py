"""With cascade="all", refresh() of a parent also expires its loaded children.

Reading an attribute of an expired child object raises MissingGreenlet (xd2s). If a loader option of
the query loaded the children, refresh() of the parent loads the children again. If you pass
attribute names, refresh() expires only these attributes.

Docs: https://docs.sqlalchemy.org/en/21/orm/cascades.html#refresh-expire
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" in the traceback.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

FIRST = select(User).order_by(User.id).limit(1)


@wrong
async def refreshed(session: AsyncSession) -> dict[str, float]:
    """load the points, call refresh(user), and read a point"""
    user = (await session.scalars(FIRST)).one()
    point, *_ = await user.awaitable_attrs.points
    await session.refresh(user)
    return {"latitude": float(point.lat)}


@right
async def with_option(session: AsyncSession) -> dict[str, float]:
    """load the points with selectinload(), call refresh(user), and read a point"""
    user = (await session.scalars(FIRST.options(selectinload(User.points)))).one()
    point, *_ = user.points
    await session.refresh(user)
    return {"latitude": float(point.lat)}


@right
async def by_name(session: AsyncSession) -> dict[str, float]:
    """load the points, call refresh(user, ["username"]), and read a point"""
    user = (await session.scalars(FIRST)).one()
    point, *_ = await user.awaitable_attrs.points
    await session.refresh(user, ["username"])
    return {"latitude": float(point.lat)}


def check(refreshed: Observation, with_option: Observation, by_name: Observation) -> None:
    assert refreshed.code == "xd2s"
    assert with_option.value == by_name.value == {"latitude": 46.0}
    assert [len(run.sql) for run in (refreshed, with_option, by_name)] == [3, 4, 3]


main = main_of(__name__)
