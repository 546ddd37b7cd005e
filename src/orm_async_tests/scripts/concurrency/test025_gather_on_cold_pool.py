"""gather() on one session fails for all tasks but one if the pool has no open connection.

While the first task waits for a new connection, the other tasks see that the session is still
connecting, and raise error isce. If the pool has an open connection, no task has to wait, and the
same code works (test24). Code that shares a session can pass all tests, and fail at the first
request after a restart.

Symptom: InvalidRequestError isce "This session is provisioning a new connection"
Docs: https://docs.sqlalchemy.org/en/21/errors.html#illegalstatechangeerror-and-concurrency-exceptions
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
    """Return the error of every task, or "rows" if it has none."""
    results = await gather(*tasks, return_exceptions=True)
    return [result if isinstance(result, Exception) else "rows" for result in results]


@wrong
async def cold_pool(make_engine: MakeEngine) -> list[object]:
    """three tasks, one session, no connection yet"""
    async with AsyncSession(make_engine()) as session:
        return await gather_results(*[session.execute(NAMES) for _ in range(3)])


@variant
async def warm_pool(session: AsyncSession) -> list[object]:
    """three tasks, one session, a connection in the pool"""
    return await gather_results(*[session.execute(NAMES) for _ in range(3)])


@right
async def session_per_task(make_engine: MakeEngine) -> list[object]:
    """three tasks, three sessions, no connection yet"""
    engine = make_engine()

    async def query() -> Any:
        async with AsyncSession(engine) as session:
            return await session.execute(NAMES)

    return await gather_results(query(), query(), query())


def check(cold_pool: Observation, warm_pool: Observation, session_per_task: Observation) -> None:
    codes = [getattr(result, "code", result) for result in cold_pool.value]
    assert codes == ["rows", "isce", "isce"]
    assert warm_pool.value == session_per_task.value == ["rows", "rows", "rows"]


main = main_of(__name__)
