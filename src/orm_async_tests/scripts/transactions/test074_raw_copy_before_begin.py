"""A raw COPY before the first statement is not in the transaction of engine.begin().

SQLAlchemy's adapter for asyncpg begins the transaction with the first statement that it executes.
If you send a COPY on the driver's connection before the first statement, the server commits the
COPY at once. Before you send a COPY on the driver's connection, execute a statement with
SQLAlchemy. If you use only the driver's connection, begin the transaction with its method
transaction().

Docs: https://docs.sqlalchemy.org/en/21/faq/connections.html#accessing-the-underlying-connection-for-an-asyncio-driver
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong

ONLY = "asyncpg"
ROWS = [(f"copied-{n}",) for n in range(1000)]
COUNT = "SELECT count(*) FROM users WHERE username LIKE 'copied-%'"


class Changed(Exception):
    """An error that this script raises to roll back a transaction."""


async def copy(connection: AsyncConnection) -> None:
    raw: Any = (await connection.get_raw_connection()).driver_connection
    await raw.copy_records_to_table("users", columns=["username"], records=ROWS)


@wrong
async def copied_first(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """send a COPY before any other statement, then roll back"""
    try:
        async with engine.begin() as connection:
            await copy(connection)
            raise Changed
    except Changed:
        return {"rows kept": int(await activity.scalar(COUNT))}


@right
async def statement_first(engine: AsyncEngine, activity: Activity) -> dict[str, int]:
    """execute a statement, send a COPY, then roll back"""
    try:
        async with engine.begin() as connection:
            await connection.execute(select(1))
            await copy(connection)
            raise Changed
    except Changed:
        return {"rows kept": int(await activity.scalar(COUNT))}


def check(copied_first: Observation, statement_first: Observation) -> None:
    assert copied_first.value == {"rows kept": len(ROWS)}
    assert statement_first.value == {"rows kept": 0}
    assert len(statement_first.sql) == 1


main = main_of(__name__)
