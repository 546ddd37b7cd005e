"""With raiseload(), a lazy load raises an error even inside run_sync().

Under asyncio, reading an unloaded relationship raises MissingGreenlet (xd2s). Inside run_sync(), a
lazy load silently sends one SELECT per object. With raiseload(), a lazy load always raises
InvalidRequestError, and the error names the attribute.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html#preventing-unwanted-lazy-loads-using-raiseload
Symptom: you get InvalidRequestError "is not available due to lazy='raise".
"""

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, raiseload

from orm_async_tests.harness import Observation, main_of, variant, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
LAZY = select(User)
RAISING = select(User).options(raiseload(User.points))


@wrong
async def silent(session: AsyncSession) -> dict[str, int]:
    """lazy-load a relationship in run_sync()"""

    def count_points(session: Session) -> int:
        return sum(len(user.points) for user in session.scalars(LAZY).all())

    return {"points": await session.run_sync(count_points)}


@variant
async def loud(session: AsyncSession) -> dict[str, int]:
    """lazy-load a relationship with raiseload(), inside run_sync()"""

    def count_points(session: Session) -> int:
        return sum(len(user.points) for user in session.scalars(RAISING).all())

    return {"points": await session.run_sync(count_points)}


@variant
async def loud_outside(session: AsyncSession) -> dict[str, int]:
    """lazy-load a relationship with raiseload(), outside run_sync()"""
    return {"points": sum(len(user.points) for user in (await session.scalars(RAISING)).all())}


def check(silent: Observation, loud: Observation, loud_outside: Observation) -> None:
    assert silent.value == {"points": 6}
    assert len(silent.sql) == 1 + 3

    for run in (loud, loud_outside):
        assert type(run.error) is InvalidRequestError
        assert len(run.sql) == 1


main = main_of(__name__)
