"""A flush that failed inside run_sync() cannot be swallowed: 7s2a comes next.

Exceptions come out of run_sync() as they are. One that is caught inside leaves the session's
transaction over all the same, and the next statement says so. What may fail goes into a savepoint,
inside as outside.

Symptom: PendingRollbackError 7s2a "due to a previous exception during flush"
Docs: https://docs.sqlalchemy.org/en/21/faq/sessions.html#faq-session-rollback
Docs: https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#using-savepoint
"""

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"


def add_again(session: Session) -> None:
    try:
        session.add(User(id=1, username="again"))
        session.flush()
    except IntegrityError:
        pass


def add_again_in_a_savepoint(session: Session) -> None:
    try:
        with session.begin_nested():
            session.add(User(id=1, username="again"))
    except IntegrityError:
        pass


@wrong
async def swallowed(session: AsyncSession) -> dict[str, int | None]:
    """catch the error of a flush inside run_sync(), and go on"""
    await session.run_sync(add_again)
    return {"users": await session.scalar(select(func.count(User.id)))}


@right
async def in_a_savepoint(session: AsyncSession) -> dict[str, int | None]:
    """the same with a savepoint around it"""
    await session.run_sync(add_again_in_a_savepoint)
    return {"users": await session.scalar(select(func.count(User.id)))}


def check(swallowed: Observation, in_a_savepoint: Observation) -> None:
    assert swallowed.code == "7s2a"
    assert in_a_savepoint.value == {"users": 3}


main = main_of(__name__)
