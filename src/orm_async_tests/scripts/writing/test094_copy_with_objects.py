"""COPY commits and fails with the session's objects only on the same connection.

COPY is fast, and it is the driver's: it knows no session. On a connection of its own it is a
transaction of its own, so that a failure leaves half of the work. Take the session's connection,
after a statement has begun its transaction (test74).

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html
Docs: https://www.postgresql.org/docs/current/sql-copy.html
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"
seed = None
COMPANIONS = [("walker-1",), ("walker-2",)]


async def copy(connection: AsyncConnection) -> None:
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    await driver.copy_records_to_table("users", records=COMPANIONS, columns=["username"])


@wrong
async def on_another_connection(
    engine: AsyncEngine, session: AsyncSession
) -> dict[str, int | None]:
    """flush an object, COPY on another connection, and fail: half is there"""
    session.add(User(username="guide"))
    await session.flush()
    async with engine.connect() as connection:
        await copy(connection)
    await session.rollback()
    return {"rows kept": await session.scalar(select(func.count(User.id)))}


@right
async def on_the_session_s(session: AsyncSession) -> dict[str, int | None]:
    """flush an object, COPY on the session's connection, and fail: nothing is there"""
    session.add(User(username="guide"))
    await session.flush()
    await copy(await session.connection())
    await session.rollback()
    return {"rows kept": await session.scalar(select(func.count(User.id)))}


def check(on_another_connection: Observation, on_the_session_s: Observation) -> None:
    assert on_another_connection.value == {"rows kept": len(COMPANIONS)}
    assert on_the_session_s.value == {"rows kept": 0}


main = main_of(__name__)
