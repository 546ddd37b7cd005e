"""session.begin() takes no connection from the pool, but the first statement takes one.

After its first statement, a session keeps a connection until commit, rollback or close. While a
session keeps a connection, do not wait for any service except the database.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_basics.html#using-a-sessionmaker
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User


async def call_service(engine: AsyncEngine) -> int:
    return checked_out(engine)


@wrong
async def asked_first(session: AsyncSession, engine: AsyncEngine) -> dict[str, int]:
    """query, call another service, and query again"""
    async with session.begin():
        await session.execute(select(User))
        in_use = await call_service(engine)
        await session.execute(select(User))
    return {"connections in use": in_use}


@right
async def asked_last(session: AsyncSession, engine: AsyncEngine) -> dict[str, int]:
    """call another service, then query"""
    async with session.begin():
        in_use = await call_service(engine)
        await session.execute(select(User))
    return {"connections in use": in_use}


@right
async def ended_between(session: AsyncSession, engine: AsyncEngine) -> dict[str, int]:
    """query, commit, call another service, and query again"""
    async with session.begin():
        await session.execute(select(User))
    in_use = await call_service(engine)
    async with session.begin():
        await session.execute(select(User))
    return {"connections in use": in_use}


def check(asked_first: Observation, asked_last: Observation, ended_between: Observation) -> None:
    assert asked_first.value == {"connections in use": 1}
    assert asked_last.value == ended_between.value == {"connections in use": 0}
    assert asked_first.log.count("BEGIN") == asked_last.log.count("BEGIN") == 1
    assert ended_between.log.count("BEGIN") == 2


main = main_of(__name__)
