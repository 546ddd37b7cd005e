"""Reading an unloaded relationship under asyncio raises MissingGreenlet.

A lazy load is a SELECT that SQLAlchemy sends when you read an attribute. Reading an attribute
cannot be awaited, so SQLAlchemy raises MissingGreenlet (xd2s). In the query's options, name the
relationships that you will read, for example with selectinload(). After MissingGreenlet, you can
still use the session. On psycopg, SQLAlchemy wraps MissingGreenlet in StatementError.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_emit_lazyload" in the traceback.
"""

from sqlalchemy import select
from sqlalchemy.exc import MissingGreenlet, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from orm_async_tests.harness import Observation, main_of, right, variant, wrong
from orm_async_tests.models import User


@wrong
async def lazy(session: AsyncSession) -> dict[str, int]:
    """read user.points without loading it first"""
    users = (await session.scalars(select(User))).all()
    return {"points": sum(len(user.points) for user in users)}


@right
async def selectin(session: AsyncSession) -> dict[str, int]:
    """load users in one SELECT and all their points in a second SELECT, by selectinload()"""
    query = select(User).options(selectinload(User.points))
    users = (await session.scalars(query)).all()
    return {"points": sum(len(user.points) for user in users)}


@right
async def joined(session: AsyncSession) -> dict[str, int]:
    """load users and points in one SELECT by joinedload(), which requires unique()"""
    query = select(User).options(joinedload(User.points))
    users = (await session.scalars(query)).unique().all()
    return {"points": sum(len(user.points) for user in users)}


@variant
async def refused_then_used(session: AsyncSession) -> dict[str, int]:
    """catch MissingGreenlet, then use the session again"""
    user = (await session.scalars(select(User).limit(1))).one()
    try:
        return {"users": len(user.points)}
    except SQLAlchemyError:
        return {"users": len((await session.scalars(select(User))).all())}


def check(
    lazy: Observation, selectin: Observation, joined: Observation, refused_then_used: Observation
) -> None:
    assert lazy.code == MissingGreenlet.code == "xd2s"
    assert len(lazy.sql) == 1  # the lazy SELECT was never sent

    assert selectin.value == joined.value == {"points": 6}
    assert len(selectin.sql) == 2
    assert len(joined.sql) == 1

    assert refused_then_used.value == {"users": 3}


main = main_of(__name__)
