"""Lazy loading works inside run_sync(), at 1 + N statements.

run_sync() runs a function in a greenlet, where reading an attribute may do IO. Use run_sync() for
code that was written for a synchronous session. Such code works in run_sync(), but it does not
become fast.

Symptom: MissingGreenlet xd2s "greenlet_spawn has not been called" in "in scalars"
Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#running-synchronous-methods-and-functions-under-asyncio
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User


def points(session: Session) -> int:
    """Count the points; written for a synchronous session."""
    return sum(len(user.points) for user in session.scalars(select(User)).all())


@wrong
async def sync_session(session: AsyncSession) -> dict[str, int]:
    """points(session.sync_session)"""
    return {"points": points(session.sync_session)}


@right
async def run_sync(session: AsyncSession) -> dict[str, int]:
    """await session.run_sync(points)"""
    return {"points": await session.run_sync(points)}


def check(sync_session: Observation, run_sync: Observation) -> None:
    assert sync_session.code == "xd2s"
    assert len(sync_session.sql) == 0
    assert run_sync.value == {"points": 6}
    assert len(run_sync.sql) == 1 + 3


main = main_of(__name__)
