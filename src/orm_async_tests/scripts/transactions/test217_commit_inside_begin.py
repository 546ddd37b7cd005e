"""After commit() inside `async with session.begin()`, the next statement of the block fails.

A begin() block commits at its end. After an explicit commit() inside a begin() block, the session
begins no other transaction in the block, so the next statement raises InvalidRequestError. Let the
begin() block commit, or use a separate begin() block for every transaction.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#managing-transactions
Symptom: you get InvalidRequestError "Can't operate on closed transaction inside context manager".
"""

from sqlalchemy import func, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

COUNT = select(func.count(User.id))


@wrong
async def commit_inside(session: AsyncSession) -> dict[str, int | None]:
    """add an object and commit() inside a begin() block, then query in the same block"""
    async with session.begin():
        session.add(User(username="walker"))
        await session.commit()
        return {"users": await session.scalar(COUNT)}


@right
async def two_blocks(session: AsyncSession) -> dict[str, int | None]:
    """add an object in one begin() block, and query in another begin() block"""
    async with session.begin():
        session.add(User(username="walker"))
    async with session.begin():
        return {"users": await session.scalar(COUNT)}


def check(commit_inside: Observation, two_blocks: Observation) -> None:
    assert isinstance(commit_inside.error, InvalidRequestError)
    assert commit_inside.log[-1] == "COMMIT"
    assert two_blocks.value == {"users": 4}


main = main_of(__name__)
