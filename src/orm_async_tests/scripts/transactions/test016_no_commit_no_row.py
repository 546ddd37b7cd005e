"""Leaving `async with` without a commit rolls back, because only a begin() block commits for you.

A session or a connection rolls its transaction back at the end of the `async with` block, without a
warning. A begin() block commits at its end, but rolls back if an exception leaves the block.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#begin-once
"""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User

COUNT = "SELECT count(*) FROM users WHERE username = 'new'"
INSERT = insert(User).values(username="new")


@wrong
async def session(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """use an AsyncSession without a commit"""
    async with AsyncSession(engine) as session:
        session.add(User(username="new"))
        await session.flush()
    return {"rows": int(await activity.scalar(COUNT))}


@wrong
async def connection(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """use engine.connect() without a commit"""
    async with engine.connect() as connection:
        await connection.execute(INSERT)
    return {"rows": int(await activity.scalar(COUNT))}


@right
async def session_begin(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """use async_sessionmaker(engine).begin()"""
    async with async_sessionmaker(engine).begin() as session:
        session.add(User(username="new"))
    return {"rows": int(await activity.scalar(COUNT))}


@right
async def engine_begin(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """use engine.begin()"""
    async with engine.begin() as connection:
        await connection.execute(INSERT)
    return {"rows": int(await activity.scalar(COUNT))}


def check(
    session: Observation,
    connection: Observation,
    session_begin: Observation,
    engine_begin: Observation,
) -> None:
    assert session.value == connection.value == {"rows": 0}
    assert session_begin.value == engine_begin.value == {"rows": 1}
    assert session_begin.log[-1] == engine_begin.log[-1] == "COMMIT"


main = main_of(__name__)
