"""Autoflush makes a query raise the IntegrityError of an object that you added before.

Before a query, the session flushes its changes, so that the query finds them. If an added object is
incomplete or breaks a constraint, the next query fails, because the query flushes the object first.
Set an object's attributes before you add it, or query inside `session.no_autoflush`.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#flushing
Symptom: you get IntegrityError "raised as a result of Query-invoked autoflush".
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
COUNT = select(func.count(User.id))


@wrong
async def added_first(session: AsyncSession) -> dict[str, str]:
    """add a user without a username, run a query, then set the username"""
    user = User()
    session.add(user)
    count = await session.scalar(COUNT)
    user.username = f"user {count}"
    await session.flush()
    return {"username": user.username}


@right
async def added_last(session: AsyncSession) -> dict[str, str]:
    """run a query, set the username, then add the user"""
    user = User()
    count = await session.scalar(COUNT)
    user.username = f"user {count}"
    session.add(user)
    await session.flush()
    return {"username": user.username}


@right
async def not_flushed(session: AsyncSession) -> dict[str, str]:
    """add a user without a username, query in session.no_autoflush, then set the username"""
    user = User()
    session.add(user)
    with session.no_autoflush:
        count = await session.scalar(COUNT)
    user.username = f"user {count}"
    await session.flush()
    return {"username": user.username}


def check(added_first: Observation, added_last: Observation, not_flushed: Observation) -> None:
    assert added_first.code == "gkpj"
    assert added_last.value == not_flushed.value == {"username": "user 3"}


main = main_of(__name__)
