"""Lazy loading works inside run_sync(), but N objects cost 1 + N statements.

In run_sync(), reading an attribute may send SQL. Use run_sync() for code that was written for a
synchronous session. Every lazy load inside run_sync() sends one SELECT.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#running-synchronous-methods-and-functions-under-asyncio
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with "in scalars"
in the traceback.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User


def points(session: Session) -> int:
    return sum(len(user.points) for user in session.scalars(select(User)).all())


@wrong
async def sync_session(session: AsyncSession) -> dict[str, int]:
    """call points(session.sync_session)"""
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
