"""After a timeout has cancelled a statement, the session raises an error until you roll back.

When asyncio.timeout() cancels a statement, SQLAlchemy discards the connection, and the transaction
is lost. A session whose transaction is lost raises PendingRollbackError (8s2b) until you call
rollback().

Docs: https://docs.sqlalchemy.org/en/21/errors.html#error-8s2b
Symptom: you get PendingRollbackError (code 8s2b)
"Can't reconnect until invalid transaction is rolled back".
"""

import asyncio
from contextlib import suppress

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

SLOW = select(func.pg_sleep(60))


async def timed_out(session: AsyncSession) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await session.execute(SLOW)


@wrong
async def continued(session: AsyncSession) -> dict[str, int]:
    """cancel a statement by a timeout, then send another statement"""
    await session.execute(select(User))
    await timed_out(session)
    return {"users": len((await session.scalars(select(User))).all())}


@right
async def rolled_back(session: AsyncSession) -> dict[str, int]:
    """cancel a statement by a timeout, roll back, then send another statement"""
    await session.execute(select(User))
    await timed_out(session)
    await session.rollback()
    return {"users": len((await session.scalars(select(User))).all())}


def check(continued: Observation, rolled_back: Observation) -> None:
    assert continued.code == "8s2b"
    assert rolled_back.value == {"users": 3}
    assert len(rolled_back.sql) == 2  # the cancelled statement has no answer


main = main_of(__name__)
