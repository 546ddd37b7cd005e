"""SQLAlchemy compiles insert().values([...]) at every call: pass the list to execute().

The SQL text of values() with a list depends on the length of the list. SQLAlchemy cannot cache
values() with a list, and compiles the statement at every call. Pass the list of rows to execute()
as the parameters of an insert() without values(). The SQL text of an insert() without values() does
not depend on the number of rows.

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#sql-compilation-caching
"""

from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

NAMES = [{"username": f"walker {number}"} for number in range(10)]
COUNT = select(func.count(User.id))


@wrong
async def values(engine: AsyncEngine) -> dict[str, Any]:
    """execute insert().values([...]) three times"""
    cache: dict[Any, Any] = {}
    async with engine.execution_options(compiled_cache=cache).connect() as connection:
        for _ in range(3):
            await connection.execute(insert(User).values(NAMES))
        return {"cached statements": len(cache), "users": await connection.scalar(COUNT)}


@right
async def parameters(engine: AsyncEngine) -> dict[str, Any]:
    """call execute(insert(), [...]) three times"""
    cache: dict[Any, Any] = {}
    async with engine.execution_options(compiled_cache=cache).connect() as connection:
        for _ in range(3):
            await connection.execute(insert(User), NAMES)
        return {"cached statements": len(cache), "users": await connection.scalar(COUNT)}


def check(values: Observation, parameters: Observation) -> None:
    assert values.value == {"cached statements": 0, "users": 3 + 3 * len(NAMES)}
    assert parameters.value == {"cached statements": 1, "users": 3 + 3 * len(NAMES)}


main = main_of(__name__)
