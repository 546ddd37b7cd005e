"""After an SQL error, every statement fails until rollback, even a valid one.

After an SQL error, PostgreSQL refuses further statements with 25P02. If a flush has failed, the
session itself refuses the next statement and sends nothing. After a failed statement or flush, call
rollback().

Docs: https://docs.sqlalchemy.org/en/21/faq/sessions.html#this-session-s-transaction-has-been-rolled-back-due-to-a-previous-exception-during-flush-or-similar
Symptom: you get an error (SQLSTATE 25P02) "current transaction is aborted, commands ignored until
end of transaction block".
Symptom: you get PendingRollbackError (code 7s2a) "due to a previous exception during flush".
"""

from contextlib import suppress

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def after_statement(session: AsyncSession) -> dict[str, int]:
    """send another statement after a statement has failed"""
    with suppress(DBAPIError):
        await session.execute(text("SELECT 1 / 0"))
    return {"users": len((await session.scalars(select(User))).all())}


@wrong
async def after_flush(session: AsyncSession) -> dict[str, int]:
    """after a flush has failed, send another statement, which the session refuses"""
    session.add(User(id=1, username="again"))
    with suppress(DBAPIError):
        await session.flush()
    return {"users": len((await session.scalars(select(User))).all())}


@right
async def rolled_back(session: AsyncSession) -> dict[str, int]:
    """roll back after a statement has failed, then send another statement"""
    with suppress(DBAPIError):
        await session.execute(text("SELECT 1 / 0"))
    await session.rollback()
    return {"users": len((await session.scalars(select(User))).all())}


def check(after_statement: Observation, after_flush: Observation, rolled_back: Observation) -> None:
    assert after_statement.sqlstate == "25P02"
    assert isinstance(after_flush.error, PendingRollbackError)
    assert len(after_flush.sql) == 1

    assert rolled_back.value == {"users": 3}


main = main_of(__name__)
