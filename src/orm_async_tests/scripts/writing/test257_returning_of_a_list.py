"""With RETURNING and two sets of parameters, text() and update() raise an error.

For two or more sets of parameters, the driver executes the statement once for every set, and
returns no rows. Only insert() sends several sets of parameters as one INSERT with many VALUES. To
update many rows, join the UPDATE with a list of values (test201).

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/dml.html#orm-bulk-insert-with-returning
Symptom: you get ResourceClosedError "This result object does not return rows".
Symptom: you get StatementError "does not support UPDATE..RETURNING when executemany is used".
"""

from typing import Any

from sqlalchemy import Executable, bindparam, insert, text, update
from sqlalchemy.exc import ResourceClosedError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, variant, wrong
from orm_async_tests.models import User

TEXT = text("INSERT INTO users (username) VALUES (:username) RETURNING username")
INSERT = insert(User).returning(User.username)
UPDATE = update(User).where(User.id == bindparam("key")).returning(User.username)
ONE_ROW = [{"username": "guide"}]
TWO_ROWS = [{"username": "guide"}, {"username": "walker"}]
KEYS = [{"key": 1, "username": "guide"}, {"key": 2, "username": "walker"}]


async def execute(engine: AsyncEngine, statement: Executable, rows: Any) -> dict[str, list[str]]:
    async with engine.begin() as connection:
        names = (await connection.execute(statement, rows)).scalars()
        return {"names": sorted(names)}


@variant
async def text_with_one(engine: AsyncEngine) -> dict[str, list[str]]:
    """execute text() with RETURNING and one set of parameters"""
    return await execute(engine, TEXT, ONE_ROW)


@wrong
async def text_with_two(engine: AsyncEngine) -> dict[str, list[str]]:
    """execute text() with RETURNING and two sets of parameters"""
    return await execute(engine, TEXT, TWO_ROWS)


@wrong
async def update_with_two(engine: AsyncEngine) -> dict[str, list[str]]:
    """execute update().returning() with two sets of parameters"""
    return await execute(engine, UPDATE, KEYS)


@right
async def insert_with_two(engine: AsyncEngine) -> dict[str, list[str]]:
    """execute insert().returning() with two sets of parameters"""
    return await execute(engine, INSERT, TWO_ROWS)


def check(
    text_with_one: Observation,
    text_with_two: Observation,
    update_with_two: Observation,
    insert_with_two: Observation,
) -> None:
    assert text_with_one.value == {"names": ["guide"]}
    assert isinstance(text_with_two.error, ResourceClosedError)
    assert isinstance(update_with_two.error, StatementError)
    assert insert_with_two.value == {"names": ["guide", "walker"]}


main = main_of(__name__)
