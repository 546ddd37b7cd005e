"""A raw asyncpg connection refuses a second task, but through SQLAlchemy the second task waits.

SQLAlchemy's adapter for asyncpg runs queries one after the other, so nobody notices that two tasks
share a connection (test24).

Docs: https://magicstack.github.io/asyncpg/current/faq.html
Symptom: you get InterfaceError "another operation is in progress".
"""

from asyncio import gather
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, variant

ONLY = "asyncpg"


@variant
async def raw(engine: AsyncEngine) -> list[object]:
    """run a query in each of two tasks on one raw asyncpg connection"""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        queries = [driver.fetch("SELECT 1"), driver.fetch("SELECT 1")]
        results = await gather(*queries, return_exceptions=True)
    return [result if isinstance(result, Exception) else "rows" for result in results]


@variant
async def adapted(engine: AsyncEngine) -> list[object]:
    """run a query in each of two tasks on one SQLAlchemy connection"""
    async with engine.connect() as connection:
        queries = [connection.execute(select(1)), connection.execute(select(1))]
        results = await gather(*queries, return_exceptions=True)
    return [result if isinstance(result, Exception) else "rows" for result in results]


def check(raw: Observation, adapted: Observation) -> None:
    assert [type(result).__name__ for result in raw.value] == ["str", "InterfaceError"]
    assert adapted.value == ["rows", "rows"]


main = main_of(__name__)
