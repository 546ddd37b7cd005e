"""An error inside a savepoint undoes only the savepoint, and not the whole transaction.

A begin_nested() block begins with SAVEPOINT. If an exception leaves a begin_nested() block,
SQLAlchemy sends ROLLBACK TO SAVEPOINT, and the rows from outside the block stay. After an error
outside a savepoint, PostgreSQL refuses every statement until you roll back the transaction (25P02).

Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#using-savepoint
Symptom: you get an error (SQLSTATE 25P02) "current transaction is aborted, commands ignored".
"""

import re
from contextlib import suppress

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User

COUNT = "SELECT count(*) FROM users WHERE id > 100"
IDS = (101, 101, 102)


@wrong
async def without(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """insert three rows, and catch the error of a duplicate"""
    for number in IDS:
        with suppress(IntegrityError):
            await session.execute(insert(User).values(id=number, username="new"))
    await session.commit()
    return {"rows kept": int(await activity.scalar(COUNT))}


@right
async def within(session: AsyncSession, activity: Activity) -> dict[str, int]:
    """insert every row in a savepoint"""
    for number in IDS:
        with suppress(IntegrityError):
            async with session.begin_nested():
                await session.execute(insert(User).values(id=number, username="new"))
    await session.commit()
    return {"rows kept": int(await activity.scalar(COUNT))}


def words(log: list[str]) -> list[str]:
    return [re.sub(r" sa_savepoint.*| INTO.*", "", entry) for entry in log]


def check(without: Observation, within: Observation) -> None:
    assert without.sqlstate == "25P02"  # the transaction is aborted
    assert within.value == {"rows kept": 2}
    assert words(within.log) == [
        "BEGIN",
        *("SAVEPOINT", "INSERT", "RELEASE SAVEPOINT"),
        *("SAVEPOINT", "INSERT", "ROLLBACK TO SAVEPOINT"),
        *("SAVEPOINT", "INSERT", "RELEASE SAVEPOINT"),
        "COMMIT",
    ]


main = main_of(__name__)
