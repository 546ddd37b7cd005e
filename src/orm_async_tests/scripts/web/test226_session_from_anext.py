"""A session that you take from a generator with anext() closes early, so added rows may be lost.

After `anext(get_session())`, nothing refers to the generator, so Python closes the generator at
once, which closes the session. If the session closes between your add() and your commit(), the
added rows are lost without an error. Wrap your session generator in
contextlib.asynccontextmanager(), and enter it with `async with`.

Docs: https://docs.python.org/3/reference/expressions.html#finalization-of-asynchronous-generators
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

WALKERS = select(func.count(User.id)).where(User.username == "walker")


async def get_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:
        yield session


async def count_walkers(engine: AsyncEngine) -> dict[str, int | None]:
    async with AsyncSession(engine) as session:
        return {"rows": await session.scalar(WALKERS)}


@wrong
async def after_other_work(engine: AsyncEngine) -> dict[str, int | None]:
    """get a session with anext(), add a row, await something else, and commit"""
    session = await anext(get_session(engine))
    session.add(User(username="walker"))
    await count_walkers(engine)
    await session.commit()
    return await count_walkers(engine)


@right
async def entered(engine: AsyncEngine) -> dict[str, int | None]:
    """enter asynccontextmanager(get_session), add a row, await something else, and commit"""
    async with asynccontextmanager(get_session)(engine) as session:
        session.add(User(username="walker"))
        await count_walkers(engine)
        await session.commit()
    return await count_walkers(engine)


def check(after_other_work: Observation, entered: Observation) -> None:
    assert after_other_work.value == {"rows": 0}
    assert entered.value == {"rows": 1}


main = main_of(__name__)
