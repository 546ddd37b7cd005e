"""A raw asyncpg connection refuses a second task; through SQLAlchemy it waits.

asyncpg allows one operation at a time and refuses the next. SQLAlchemy's adapter has a mutex,
so that the same misuse passes unnoticed, one query after the other (test24).

Symptom: InterfaceError "another operation is in progress"
Docs: https://magicstack.github.io/asyncpg/current/faq.html
"""

from asyncio import gather
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, variant

ONLY = "asyncpg"


@variant
async def raw(engine: AsyncEngine) -> list[object]:
    """two tasks on the driver's connection"""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        asked = [driver.fetch("SELECT 1"), driver.fetch("SELECT 1")]
        results = await gather(*asked, return_exceptions=True)
    return [each if isinstance(each, Exception) else "rows" for each in results]


@variant
async def adapted(engine: AsyncEngine) -> list[object]:
    """two tasks on SQLAlchemy's connection"""
    async with engine.connect() as connection:
        asked = [connection.execute(select(1)), connection.execute(select(1))]
        results = await gather(*asked, return_exceptions=True)
    return [each if isinstance(each, Exception) else "rows" for each in results]


def check(raw: Observation, adapted: Observation) -> None:
    assert [type(each).__name__ for each in raw.value] == ["str", "InterfaceError"]
    assert adapted.value == ["rows", "rows"]


main = main_of(__name__)
