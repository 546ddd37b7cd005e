"""If a session loses its connection, the session raises an error until you roll back.

After the backend of a session has died, the session's next statement fails with a disconnect error,
and later statements raise PendingRollbackError (8s2b). The setting pool_pre_ping does not help
inside a transaction, because the pool pings only at checkout. After a disconnect error, roll back,
then run the whole transaction again.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#error-8s2b
Symptom: you get PendingRollbackError (code 8s2b)
"Can't reconnect until invalid transaction is rolled back".
"""

from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User

USERS = select(User)


@wrong
async def continued(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """kill the backend, catch the error, and continue"""
    await session.execute(USERS)
    await activity.terminate()
    with suppress(DBAPIError):
        await session.execute(USERS)
    return {"users": len((await session.scalars(USERS)).all())}


@right
async def rolled_back(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """kill the backend, catch the error, roll back, and continue"""
    await session.execute(USERS)
    await activity.terminate()
    with suppress(DBAPIError):
        await session.execute(USERS)
    await session.rollback()
    return {"users": len((await session.scalars(USERS)).all())}


def check(continued: Observation, rolled_back: Observation) -> None:
    assert continued.code == "8s2b"
    assert rolled_back.value == {"users": 3}


main = main_of(__name__)
