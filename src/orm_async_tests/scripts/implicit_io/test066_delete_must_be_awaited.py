"""session.delete() without await deletes nothing, and you get only a warning.

AsyncSession.delete() is a coroutine, because a cascade may have to load rows first.
AsyncSession.add() is not a coroutine. If the session's type is known, a type checker reports that
session.delete() is not awaited.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.delete
Symptom: you get RuntimeWarning "coroutine 'AsyncSession.delete' was never awaited".
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User

FIRST = select(User).order_by(User.id).limit(1)
COUNT = "SELECT count(*) FROM users"


@wrong(warns=True)
async def forgotten(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """call session.delete(user)"""
    user = (await session.scalars(FIRST)).one()
    session.delete(user)  # type: ignore[unused-coroutine]
    await session.commit()
    return {"remaining users": int(await activity.scalar(COUNT))}


@right
async def awaited(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """await session.delete(user)"""
    user = (await session.scalars(FIRST)).one()
    await session.delete(user)
    await session.commit()
    return {"remaining users": int(await activity.scalar(COUNT))}


def check(forgotten: Observation, awaited: Observation) -> None:
    assert forgotten.value == {"remaining users": 3}
    assert forgotten.warnings == ["RuntimeWarning"]
    assert awaited.value == {"remaining users": 2}
    assert len(awaited.sql) == len(forgotten.sql) + 1


main = main_of(__name__)
