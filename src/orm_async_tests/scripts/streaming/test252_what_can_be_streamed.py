"""stream() fails with AUTOCOMMIT, and psycopg cannot stream an UPDATE with RETURNING.

PostgreSQL opens a cursor only in a transaction, so an AUTOCOMMIT connection cannot stream (25P01).
On psycopg, a stream cannot run SHOW, EXPLAIN or an UPDATE with RETURNING, because DECLARE CURSOR
rejects these statements (42601). On asyncpg, a stream accepts every statement that returns rows.
Use execute() for a statement that stream() cannot run.

Docs: https://www.postgresql.org/docs/current/sql-declare.html
Symptom: you get an error (SQLSTATE 25P01) "cursor cannot be created outside of a transaction"
on asyncpg.
Symptom: you get an error (SQLSTATE 25P01) "DECLARE CURSOR can only be used in transaction blocks"
on psycopg.
Symptom: you get an error (SQLSTATE 42601) "syntax error at or near ...UPDATE" on psycopg with
"server_cursor" in the traceback.
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Stack, main_of, right, variant, wrong
from orm_async_tests.models import User

READ = select(User.id)
CHANGE = update(User).values(username="guide").returning(User.id)
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}


@wrong(engine=AUTOCOMMIT, warns=True)
async def streamed_in_autocommit(engine: AsyncEngine) -> dict[str, list[int]]:
    """stream a SELECT on an AUTOCOMMIT connection"""
    async with engine.connect() as connection:
        return {"ids": [row.id async for row in await connection.stream(READ)]}


@right(engine=AUTOCOMMIT)
async def executed_in_autocommit(engine: AsyncEngine) -> dict[str, list[int]]:
    """execute a SELECT on an AUTOCOMMIT connection"""
    async with engine.connect() as connection:
        return {"ids": [row.id for row in await connection.execute(READ)]}


@variant(warns=True)
async def streamed_update(engine: AsyncEngine) -> dict[str, list[int]]:
    """stream an UPDATE with RETURNING"""
    async with engine.begin() as connection:
        return {"ids": [row.id async for row in await connection.stream(CHANGE)]}


@right
async def executed_update(engine: AsyncEngine) -> dict[str, list[int]]:
    """execute an UPDATE with RETURNING"""
    async with engine.begin() as connection:
        return {"ids": [row.id for row in await connection.execute(CHANGE)]}


def check(
    stack: Stack,
    streamed_in_autocommit: Observation,
    executed_in_autocommit: Observation,
    streamed_update: Observation,
    executed_update: Observation,
) -> None:
    assert streamed_in_autocommit.sqlstate == "25P01"
    assert executed_in_autocommit.value == executed_update.value == {"ids": [1, 2, 3]}
    if stack.driver == "asyncpg":
        assert streamed_update.value == {"ids": [1, 2, 3]}
    else:
        assert streamed_update.sqlstate == "42601"


main = main_of(__name__)
