"""FOR UPDATE waits without limit unless you use NOWAIT or lock_timeout.

A plain FOR UPDATE waits for the end of the transaction that has locked the row. If a row is locked,
FOR UPDATE NOWAIT fails at once (55P03). With lock_timeout, FOR UPDATE fails when the timeout ends
(55P03). After a lock error, roll back before you use the connection again.

Docs: https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
Symptom: you get an error (SQLSTATE 55P03) "could not obtain lock on row".
Symptom: you get an error (SQLSTATE 55P03) "canceling statement due to lock timeout".
"""

import asyncio

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Observation, Sessions, main_of, variant
from orm_async_tests.models import User

LOCK = select(User.username).where(User.id == 1).with_for_update()
NOWAIT = select(User.username).where(User.id == 1).with_for_update(nowait=True)


async def change(session: AsyncSession) -> None:
    (await session.get_one(User, 1)).username = "guide"
    await session.flush()


@variant
async def wait(Session: Sessions, activity: Activity) -> str | None:
    """lock a row that an open transaction has changed, and wait until that transaction ends"""
    async with Session() as owner, Session() as other:
        await change(owner)
        waiting = asyncio.create_task(other.scalar(LOCK))
        await activity.until_blocked()
        await owner.commit()
        return await waiting


@variant
async def nowait(Session: Sessions) -> None:
    """lock a row that an open transaction has changed, with nowait=True"""
    async with Session() as owner, Session() as other:
        await change(owner)
        await other.scalar(NOWAIT)


@variant
async def lock_timeout(Session: Sessions) -> None:
    """set a lock_timeout, and lock a row that an open transaction has changed"""
    async with Session() as owner, Session() as other:
        await change(owner)
        await other.execute(text("SET LOCAL lock_timeout = '50ms'"))
        await other.scalar(LOCK)


def check(wait: Observation, nowait: Observation, lock_timeout: Observation) -> None:
    assert wait.value == "guide"
    assert (nowait.sqlstate, lock_timeout.sqlstate) == ("55P03", "55P03")


main = main_of(__name__)
