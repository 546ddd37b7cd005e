"""session.begin() takes no connection: the first statement takes and keeps it.

A session that has not asked anything costs no slot of the pool. One that has asked keeps its
slot until commit, rollback or close: do not wait for something else in between.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#using-a-sessionmaker
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User


async def something_else(engine: AsyncEngine) -> int:
    """Such as a request to another service; how many connections are taken meanwhile?"""
    return checked_out(engine)


@wrong
async def asked_first(session: AsyncSession, engine: AsyncEngine) -> dict[str, int]:
    """ask, do something else, ask again"""
    async with session.begin():
        await session.execute(select(User))
        taken = await something_else(engine)
        await session.execute(select(User))
    return {"connections in use": taken}


@right
async def asked_last(session: AsyncSession, engine: AsyncEngine) -> dict[str, int]:
    """do something else, then ask"""
    async with session.begin():
        taken = await something_else(engine)
        await session.execute(select(User))
    return {"connections in use": taken}


@right
async def ended_between(session: AsyncSession, engine: AsyncEngine) -> dict[str, int]:
    """ask, commit, do something else, ask again"""
    async with session.begin():
        await session.execute(select(User))
    taken = await something_else(engine)
    async with session.begin():
        await session.execute(select(User))
    return {"connections in use": taken}


def check(asked_first: Observation, asked_last: Observation, ended_between: Observation) -> None:
    assert asked_first.value == {"connections in use": 1}
    assert asked_last.value == ended_between.value == {"connections in use": 0}
    assert asked_first.log.count("BEGIN") == asked_last.log.count("BEGIN") == 1
    assert ended_between.log.count("BEGIN") == 2


main = main_of(__name__)
