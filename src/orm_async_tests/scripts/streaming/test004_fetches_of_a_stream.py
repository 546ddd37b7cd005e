"""Each partition of a stream costs two round trips on asyncpg, and one on psycopg.

For every partition, SQLAlchemy's adapter for asyncpg first fetches fifty rows, and then the
remaining rows. Larger partitions cost fewer round trips, but hold more rows in memory.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/api.html#fetching-large-result-sets-with-yield-per
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Stack, main_of, variant

ROWS = 5000
NUMBERS = select(func.generate_series(1, ROWS))
FETCHES = {"asyncpg": 2, "psycopg": 1}  # round trips per partition


@variant
async def executed(engine: AsyncEngine) -> dict[str, int]:
    """run the query with execute() instead of stream()"""
    async with engine.connect() as connection:
        return {"rows": len((await connection.execute(NUMBERS)).all())}


@variant
async def by_hundreds(engine: AsyncEngine) -> dict[str, int]:
    """stream the rows in partitions of 100"""
    async with engine.connect() as connection:
        result = await connection.stream(NUMBERS.execution_options(yield_per=100))
        return {"rows": sum([len(rows) async for rows in result.partitions()])}


@variant
async def by_five_hundreds(engine: AsyncEngine) -> dict[str, int]:
    """stream the rows in partitions of 500"""
    async with engine.connect() as connection:
        result = await connection.stream(NUMBERS.execution_options(yield_per=500))
        return {"rows": sum([len(rows) async for rows in result.partitions()])}


def check(
    stack: Stack, executed: Observation, by_hundreds: Observation, by_five_hundreds: Observation
) -> None:
    assert executed.value == by_hundreds.value == by_five_hundreds.value == {"rows": ROWS}
    assert executed.round_trips <= 4

    more_partitions = ROWS // 100 - ROWS // 500
    more = by_hundreds.round_trips - by_five_hundreds.round_trips
    assert more == more_partitions * FETCHES[stack.driver]


main = main_of(__name__)
