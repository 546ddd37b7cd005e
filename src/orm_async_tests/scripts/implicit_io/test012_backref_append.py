"""Appending to an unloaded collection raises MissingGreenlet, but setting child.parent does not.

The method append() loads the collection, and this lazy load raises MissingGreenlet (xd2s). Creating
TrackPoint(user=user) also adds the point to user.points, without loading the collection. If you
create TrackPoint(user=user) without session.add(), SQLAlchemy writes nothing and only warns.

Docs: https://docs.sqlalchemy.org/en/21/orm/large_collections.html
Docs: https://github.com/sqlalchemy/sqlalchemy/discussions/11381
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_emit_lazyload" and ".append(" in the traceback.
Symptom: you get SAWarning "not in session, add operation along".
"""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import TrackPoint, User

FIRST = select(User).order_by(User.id).limit(1)
POSITION = {"lat": 45.0, "lon": 14.0, "date": datetime(2010, 10, 3, tzinfo=UTC)}


@wrong
async def appended(session: AsyncSession) -> None:
    """call user.points.append(point)"""
    user = (await session.scalars(FIRST)).one()
    user.points.append(TrackPoint(**POSITION))
    await session.commit()


@wrong(warns=True)
async def named(session: AsyncSession) -> None:
    """create TrackPoint(user=user)"""
    user = (await session.scalars(FIRST)).one()
    TrackPoint(user=user, **POSITION)
    await session.commit()


@right
async def added(session: AsyncSession) -> None:
    """call session.add(TrackPoint(user=user))"""
    user = (await session.scalars(FIRST)).one()
    session.add(TrackPoint(user=user, **POSITION))
    await session.commit()


@right
async def loaded(session: AsyncSession) -> None:
    """load the collection, then call user.points.append(point)"""
    user = (await session.scalars(FIRST)).one()
    (await user.awaitable_attrs.points).append(TrackPoint(**POSITION))
    await session.commit()


def check(
    appended: Observation, named: Observation, added: Observation, loaded: Observation
) -> None:
    assert appended.code == "xd2s"
    assert named.warnings == ["SAWarning"]
    assert [len(run.sql) for run in (appended, named, added, loaded)] == [1, 1, 2, 3]
    assert added.log[-1] == loaded.log[-1] == "COMMIT"


main = main_of(__name__)
