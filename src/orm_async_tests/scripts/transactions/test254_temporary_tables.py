"""After commit(), a temporary table may be missing (42P01), or creating it again may fail (42P07).

After commit(), a session may get another connection of the pool, where the temporary table does not
exist. A pooled connection keeps a temporary table after commit(), so the next CREATE of this table
on the connection fails. Create a temporary table with ON COMMIT DROP, and use it in one
transaction.

Docs: https://www.postgresql.org/docs/current/sql-createtable.html
Symptom: you get an error (SQLSTATE 42P01) "relation ... does not exist".
Symptom: you get an error (SQLSTATE 42P07) "relation ... already exists".
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

CREATE = "CREATE TEMPORARY TABLE selected (id int)"
COUNT = text("SELECT count(*) FROM selected")


@wrong
async def another_connection(engine: AsyncEngine) -> dict[str, Any]:
    """CREATE a temporary table, commit, and use it on another connection of the pool"""
    async with engine.begin() as connection:
        await connection.execute(text(CREATE))
    async with engine.connect(), engine.connect() as second:
        return {"rows": await second.scalar(COUNT)}


@wrong
async def next_user(engine: AsyncEngine) -> dict[str, Any]:
    """CREATE the same temporary table in two transactions on one connection of the pool"""
    rows = []
    for _ in range(2):
        async with engine.begin() as connection:
            await connection.execute(text(CREATE))
            rows.append(await connection.scalar(COUNT))
    return {"rows": rows}


@right
async def dropped_on_commit(engine: AsyncEngine) -> dict[str, Any]:
    """CREATE a temporary table with ON COMMIT DROP, and use it in one transaction"""
    rows = []
    for _ in range(2):
        async with engine.begin() as connection:
            await connection.execute(text(f"{CREATE} ON COMMIT DROP"))
            rows.append(await connection.scalar(COUNT))
    return {"rows": rows}


def check(
    another_connection: Observation, next_user: Observation, dropped_on_commit: Observation
) -> None:
    assert (another_connection.sqlstate, next_user.sqlstate) == ("42P01", "42P07")
    assert dropped_on_commit.value == {"rows": [0, 0]}


main = main_of(__name__)
