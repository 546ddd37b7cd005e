"""COPY joins the session's transaction only on the session's own connection.

You call COPY through the driver, which knows nothing about the session. A COPY on another
connection has its own transaction, so its rows stay when the session rolls back. Use COPY on the
session's connection, after a statement has begun the session's transaction (test74).

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ONLY = "asyncpg"
seed = None
COPIED_ROWS = [("walker-1",), ("walker-2",)]


async def copy(connection: AsyncConnection) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.copy_records_to_table("users", records=COPIED_ROWS, columns=["username"])


@wrong
async def on_another_connection(
    engine: AsyncEngine, session: AsyncSession
) -> dict[str, int | None]:
    """flush an object, COPY on another connection, and roll back"""
    session.add(User(username="guide"))
    await session.flush()
    async with engine.connect() as connection:
        await copy(connection)
    await session.rollback()
    return {"remaining rows": await session.scalar(select(func.count(User.id)))}


@right
async def on_the_same_connection(session: AsyncSession) -> dict[str, int | None]:
    """flush an object, COPY on the session's connection, and roll back"""
    session.add(User(username="guide"))
    await session.flush()
    await copy(await session.connection())
    await session.rollback()
    return {"remaining rows": await session.scalar(select(func.count(User.id)))}


def check(on_another_connection: Observation, on_the_same_connection: Observation) -> None:
    assert on_another_connection.value == {"remaining rows": len(COPIED_ROWS)}
    assert on_the_same_connection.value == {"remaining rows": 0}


main = main_of(__name__)
