"""If an object that you add before begin_nested() fails to flush, the whole transaction is lost.

Before begin_nested() sends SAVEPOINT, it flushes pending objects. If the flush before SAVEPOINT
fails, there is no savepoint to return to, and every statement fails until you roll back. If the
flush of an object may fail, add the object inside the begin_nested() block.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#using-savepoint
Symptom: you get PendingRollbackError (code 7s2a) "due to a previous exception during flush".
"""

from contextlib import suppress

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

COUNT = select(func.count(User.id))


@wrong
async def added_before(session: AsyncSession) -> dict[str, int | None]:
    """insert a row, add a duplicate, call begin_nested(), catch the error, and query"""
    session.add(User(username="walker"))
    await session.flush()
    session.add(User(id=1, username="duplicate"))
    with suppress(IntegrityError):
        async with session.begin_nested():
            await session.flush()
    return {"users": await session.scalar(COUNT)}


@right
async def added_inside(session: AsyncSession) -> dict[str, int | None]:
    """insert a row, call begin_nested(), add a duplicate, catch the error, and query"""
    session.add(User(username="walker"))
    await session.flush()
    with suppress(IntegrityError):
        async with session.begin_nested():
            session.add(User(id=1, username="duplicate"))
            await session.flush()
    return {"users": await session.scalar(COUNT)}


def check(added_before: Observation, added_inside: Observation) -> None:
    assert added_before.code == "7s2a"
    assert "ROLLBACK" in added_before.log
    assert added_inside.value == {"users": 4}


main = main_of(__name__)
