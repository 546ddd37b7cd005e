"""Once the session is closed, a lazy load raises DetachedInstanceError (error code bhk3).

The error code xd2s means that the object has a session, but nothing awaited the lazy load. The
error code bhk3 means that the object has no session. Before you close the session, load everything
that you will read later.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#error-bhk3
Symptom: you get DetachedInstanceError (code bhk3) "is not bound to a Session".
"""

from sqlalchemy import select
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.exc import DetachedInstanceError

from orm_async_tests.harness import Observation, Sessions, main_of, right, variant, wrong
from orm_async_tests.models import User

FIRST = select(User).order_by(User.id).limit(1)


@variant
async def inside(Session: Sessions) -> dict[str, int]:
    """read the points while the session is open"""
    async with Session() as session:
        user = (await session.scalars(FIRST)).one()
        return {"points": len(user.points)}


@wrong
async def outside(Session: Sessions) -> dict[str, int]:
    """read the points after the session is closed"""
    async with Session() as session:
        user = (await session.scalars(FIRST)).one()
    return {"points": len(user.points)}


@right
async def loaded(Session: Sessions) -> dict[str, int]:
    """let the query load the points, and read them after the session is closed"""
    async with Session() as session:
        user = (await session.scalars(FIRST.options(selectinload(User.points)))).one()
    return {"points": len(user.points)}


def check(inside: Observation, outside: Observation, loaded: Observation) -> None:
    assert inside.code == "xd2s"
    assert isinstance(outside.error, DetachedInstanceError)
    assert outside.code == "bhk3"
    assert loaded.value == {"points": 2}


main = main_of(__name__)
