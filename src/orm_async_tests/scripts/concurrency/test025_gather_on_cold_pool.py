"""gather() on one session fails for all tasks but one while the pool is cold.

The first task waits for a new connection; the others find the session half-way to it and
raise error isce. With a warm pool nobody waits there, and the same code works (test24): it
passes in a test, and fails at the first request after a start or an idle night.

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


async def asked(*tasks: Awaitable[Any]) -> list[object]:
    """What became of each: its error, or "rows"."""
    results = await gather(*tasks, return_exceptions=True)
    return [each if isinstance(each, Exception) else "rows" for each in results]


@wrong
async def cold_pool(make_engine: MakeEngine) -> list[object]:
    """three tasks, one session, no connection yet"""
    async with AsyncSession(make_engine()) as session:
        return await asked(*[session.execute(NAMES) for _ in range(3)])


@variant
async def warm_pool(session: AsyncSession) -> list[object]:
    """the same with a connection in the pool"""
    return await asked(*[session.execute(NAMES) for _ in range(3)])


@right
async def a_session_each(make_engine: MakeEngine) -> list[object]:
    """three tasks, three sessions, no connection yet"""
    engine = make_engine()

    async def names() -> Any:
        async with AsyncSession(engine) as session:
            return await session.execute(NAMES)

    return await asked(names(), names(), names())


def check(cold_pool: Observation, warm_pool: Observation, a_session_each: Observation) -> None:
    codes = [getattr(each, "code", each) for each in cold_pool.value]
    assert codes == ["rows", "isce", "isce"]
    assert warm_pool.value == a_session_each.value == ["rows", "rows", "rows"]


main = main_of(__name__)
