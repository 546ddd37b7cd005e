"""session.begin() after a statement is an error, because a transaction has already begun.

A session begins a transaction at its first use. If you want to call begin(), call it before the
first statement. To open a savepoint in a transaction that has begun, call begin_nested().

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#explicit-begin
Symptom: you get InvalidRequestError "A transaction is already begun on this Session".
"""

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
FIRST = select(User).where(User.id == 1)


@wrong
async def late(session: AsyncSession) -> None:
    """read, call begin(), and write"""
    user = (await session.scalars(FIRST)).one()
    async with session.begin():
        user.username = "new"


@right
async def early(session: AsyncSession) -> None:
    """call begin(), read, and write"""
    async with session.begin():
        user = (await session.scalars(FIRST)).one()
        user.username = "new"


@right
async def by_itself(session: AsyncSession) -> None:
    """read, write, and call commit()"""
    user = (await session.scalars(FIRST)).one()
    user.username = "new"
    await session.commit()


def check(late: Observation, early: Observation, by_itself: Observation) -> None:
    assert isinstance(late.error, InvalidRequestError)
    assert len(late.sql) == 1
    for observation in (early, by_itself):
        assert len(observation.sql) == 2
        assert observation.log[-1] == "COMMIT"


main = main_of(__name__)
