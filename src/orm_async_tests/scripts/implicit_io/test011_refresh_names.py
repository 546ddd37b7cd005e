"""refresh() loads a lazy relationship only if you name it.

Without attribute names, refresh(user) loads only the columns. If you name a relationship, refresh()
also loads the relationship, with one more SELECT.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm.Session.refresh
Docs: https://github.com/sqlalchemy/sqlalchemy/issues/9298
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_emit_lazyload" in the traceback.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

FIRST = select(User).order_by(User.id).limit(1)


@wrong
async def unnamed(session: AsyncSession) -> dict[str, int]:
    """call refresh(user)"""
    user = (await session.scalars(FIRST)).one()
    await session.refresh(user)
    return {"points": len(user.points)}


@right
async def named(session: AsyncSession) -> dict[str, int]:
    """call refresh(user, ["points"])"""
    user = (await session.scalars(FIRST)).one()
    await session.refresh(user, ["points"])
    return {"points": len(user.points)}


def check(unnamed: Observation, named: Observation) -> None:
    assert unnamed.code == "xd2s"
    assert len(unnamed.sql) == 1 + 1
    assert named.value == {"points": 2}
    assert len(named.sql) == 1 + 2  # the row, then its points


main = main_of(__name__)
