"""raiseload() finds in synchronous code the traps that asyncio would raise for.

Under asyncio an unloaded relationship raises xd2s. Inside run_sync it is loaded without a
word, once for each object. With raiseload() both raise InvalidRequestError, which names the
attribute: so a test of synchronous code finds them too.

Symptom: InvalidRequestError "is not available due to lazy='raise'"
Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html#preventing-unwanted-lazy-loads-using-raiseload
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
    """a lazy load inside run_sync"""

    def points(session: Session) -> int:
        return sum(len(user.points) for user in session.scalars(LAZY).all())

    return {"points": await session.run_sync(points)}


@variant
async def loud(session: AsyncSession) -> dict[str, int]:
    """the same with raiseload()"""

    def points(session: Session) -> int:
        return sum(len(user.points) for user in session.scalars(RAISING).all())

    return {"points": await session.run_sync(points)}


@variant
async def loud_outside(session: AsyncSession) -> dict[str, int]:
    """the same without run_sync"""
    return {"points": sum(len(user.points) for user in (await session.scalars(RAISING)).all())}


def check(silent: Observation, loud: Observation, loud_outside: Observation) -> None:
    assert silent.value == {"points": 6}
    assert len(silent.sql) == 1 + 3

    for seen in (loud, loud_outside):
        assert type(seen.error) is InvalidRequestError
        assert len(seen.sql) == 1


main = main_of(__name__)
