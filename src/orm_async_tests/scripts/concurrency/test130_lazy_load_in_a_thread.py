"""A lazy load in another thread raises MissingGreenlet, but a lazy load in run_sync() works.

A lazy load needs the event loop and SQLAlchemy's greenlet, but a worker thread has neither. Load
the rows before you start the thread, and pass plain data to the thread. For code that cannot await,
use run_sync(), which runs in the thread of the event loop.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#error-xd2s
Symptom: you get MissingGreenlet (code xd2s) "greenlet_spawn has not been called" with
"_emit_lazyload" and "/thread.py" in the traceback.
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def in_a_thread(session: AsyncSession) -> dict[str, int]:
    """read an unloaded collection in asyncio.to_thread()"""
    user = await session.get_one(User, 1)
    return {"points": await asyncio.to_thread(lambda: len(user.points))}


@right
async def in_run_sync(session: AsyncSession) -> dict[str, int]:
    """read an unloaded collection in run_sync()"""
    user = await session.get_one(User, 1)
    return {"points": await session.run_sync(lambda _: len(user.points))}


def check(in_a_thread: Observation, in_run_sync: Observation) -> None:
    assert in_a_thread.code == "xd2s"
    assert in_run_sync.value == {"points": 2}


main = main_of(__name__)
