"""gather() on one session fails for all tasks but one while the pool is cold.

The first task waits for a new connection; the others find the session half-way to it and
raise error isce. With a warm pool nobody waits there, and the same code works (test24): it
passes in a test, and fails at the first request after a start or an idle night.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#illegalstatechangeerror-and-concurrency-exceptions
"""

from asyncio import gather
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import MakeEngine, Seen, main_of, right, way, wrong
from orm_async_tests.models import User

NAMES = select(User.username)


def outcomes(results: Any) -> list[str]:
    """The code of each error, "rows" for each result."""
    return sorted(getattr(result, "code", "rows") for result in results)


@wrong
async def cold_pool(make_engine: MakeEngine) -> list[str]:
    """three tasks, one session, no connection yet"""
    async with AsyncSession(make_engine()) as session:
        tasks = [session.execute(NAMES) for _ in range(3)]
        return outcomes(await gather(*tasks, return_exceptions=True))


@way
async def warm_pool(session: AsyncSession) -> list[str]:
    """the same with a connection in the pool"""
    tasks = [session.execute(NAMES) for _ in range(3)]
    return outcomes(await gather(*tasks, return_exceptions=True))


@right
async def a_session_each(make_engine: MakeEngine) -> list[str]:
    """three tasks, three sessions, no connection yet"""
    engine = make_engine()

    async def names() -> Any:
        async with AsyncSession(engine) as session:
            return await session.execute(NAMES)

    return outcomes(await gather(names(), names(), names(), return_exceptions=True))


def check(cold_pool: Seen, warm_pool: Seen, a_session_each: Seen) -> None:
    assert cold_pool.value == ["isce", "isce", "rows"]
    assert warm_pool.value == a_session_each.value == ["rows", "rows", "rows"]


main = main_of(__name__)
