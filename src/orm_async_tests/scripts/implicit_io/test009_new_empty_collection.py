"""Reading an unassigned collection of a new object after its flush raises MissingGreenlet.

After the flush of a new object, SQLAlchemy does not know that an unassigned collection is empty.
Reading an unassigned collection is a lazy load, which raises MissingGreenlet (xd2s). To avoid
MissingGreenlet, pass `points=[]` when you create the object.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_emit_lazyload" in the traceback.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def unassigned(session: AsyncSession) -> dict[str, int]:
    """create User(username=...), flush, and read its points"""
    user = User(username="username-4")
    session.add(user)
    await session.flush()
    return {"points": len(user.points)}


@wrong
async def read_before(session: AsyncSession) -> dict[str, int]:
    """create User(username=...), and read its points before and after the flush"""
    user = User(username="username-4")
    session.add(user)
    assert user.points == []
    await session.flush()
    return {"points": len(user.points)}


@right
async def assigned(session: AsyncSession) -> dict[str, int]:
    """create User(username=..., points=[]), flush, and read its points"""
    user = User(username="username-4", points=[])
    session.add(user)
    await session.flush()
    return {"points": len(user.points)}


def check(unassigned: Observation, read_before: Observation, assigned: Observation) -> None:
    assert unassigned.code == read_before.code == "xd2s"
    assert assigned.value == {"points": 0}
    assert len(unassigned.sql) == len(read_before.sql) == len(assigned.sql) == 1


main = main_of(__name__)
