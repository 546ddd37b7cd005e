"""If the pool has no open connection, gather() on one session fails for all tasks except one.

While a session waits for a new connection, it rejects calls from other tasks with
InvalidRequestError (isce). If the pool has an open connection, gather() on one session works
(test24), unless pool_pre_ping makes the session wait for a ping. Code that shares a session between
tasks can pass all tests, but fail at the first request after a restart.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#illegalstatechangeerror-and-concurrency-exceptions
Symptom: you get InvalidRequestError (code isce) "This session is provisioning a new connection".
"""

from asyncio import gather
from collections.abc import Awaitable
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, variant, wrong
from orm_async_tests.models import User

NAMES = select(User.username)


async def gather_results(*tasks: Awaitable[Any]) -> list[object]:
    results = await gather(*tasks, return_exceptions=True)
    return [result if isinstance(result, Exception) else "rows" for result in results]


@wrong
async def cold_pool(make_engine: MakeEngine) -> list[object]:
    """run three tasks on one session, before the pool has opened a connection"""
    async with AsyncSession(make_engine()) as session:
        return await gather_results(*[session.execute(NAMES) for _ in range(3)])


@variant
async def warm_pool(session: AsyncSession) -> list[object]:
    """run three tasks on one session, while the pool has an open connection"""
    return await gather_results(*[session.execute(NAMES) for _ in range(3)])


@variant(engine={"pool_pre_ping": True})
async def pinged_pool(session: AsyncSession) -> list[object]:
    """run three tasks on one session, with an open connection and pool_pre_ping=True"""
    return await gather_results(*[session.execute(NAMES) for _ in range(3)])


@right
async def session_per_task(make_engine: MakeEngine) -> list[object]:
    """run three tasks on three sessions, before the pool has opened a connection"""
    engine = make_engine()

    async def query() -> Any:
        async with AsyncSession(engine) as session:
            return await session.execute(NAMES)

    return await gather_results(query(), query(), query())


def check(
    cold_pool: Observation,
    warm_pool: Observation,
    pinged_pool: Observation,
    session_per_task: Observation,
) -> None:
    runs = (cold_pool, pinged_pool)
    cold, pinged = ([getattr(result, "code", result) for result in run.value] for run in runs)
    assert cold == pinged == ["rows", "isce", "isce"]
    assert warm_pool.value == session_per_task.value == ["rows", "rows", "rows"]


main = main_of(__name__)
