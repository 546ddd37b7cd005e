"""If you swallow a flush error inside run_sync(), the next statement raises PendingRollbackError.

A failed flush ends the session's transaction, even if you catch the exception inside run_sync().
After a failed flush, the next statement raises PendingRollbackError (7s2a). Put a flush that may
fail into a savepoint (begin_nested()).

Docs: https://docs.sqlalchemy.org/en/21/faq/sessions.html#faq-session-rollback
Symptom: you get PendingRollbackError (code 7s2a) "due to a previous exception during flush".
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
    """catch the error of a flush inside run_sync(), then send another statement"""
    await session.run_sync(add_again)
    return {"users": await session.scalar(select(func.count(User.id)))}


@right
async def in_a_savepoint(session: AsyncSession) -> dict[str, int | None]:
    """run the flush inside a savepoint"""
    await session.run_sync(add_again_in_a_savepoint)
    return {"users": await session.scalar(select(func.count(User.id)))}


def check(swallowed: Observation, in_a_savepoint: Observation) -> None:
    assert swallowed.code == "7s2a"
    assert in_a_savepoint.value == {"users": 3}


main = main_of(__name__)
