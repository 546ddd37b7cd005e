"""refresh(user, ["points"]) loads the collection and leaves expired columns expired.

If you pass attribute names, refresh() loads exactly these attributes. If a commit has expired an
object, reading a column that refresh() has not loaded raises MissingGreenlet. Name every attribute
that you will read, or call refresh() without names to load all columns.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm.Session.refresh
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_load_expired" in the traceback.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def only_the_collection(session: AsyncSession) -> dict[str, object]:
    """commit, call refresh(user, ["points"]), then read the points and a column"""
    user = await session.get_one(User, 1)
    await session.commit()
    await session.refresh(user, ["points"])
    return {"points": len(user.points), "username": user.username}


@right
async def both(session: AsyncSession) -> dict[str, object]:
    """commit, call refresh(user, ["points", "username"]), then read the points and a column"""
    user = await session.get_one(User, 1)
    await session.commit()
    await session.refresh(user, ["points", "username"])
    return {"points": len(user.points), "username": user.username}


def check(only_the_collection: Observation, both: Observation) -> None:
    assert only_the_collection.code == "xd2s"
    assert both.value == {"points": 2, "username": "username-1"}


main = main_of(__name__)
