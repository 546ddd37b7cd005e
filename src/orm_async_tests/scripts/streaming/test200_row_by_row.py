"""Streaming row by row creates a greenlet per row, but partitions() creates one per partition.

A loop over a stream reads every row in a separate greenlet, although the rows are already in
memory. With partitions(), SQLAlchemy switches to a greenlet once per partition, and not once per
row.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncResult.partitions
"""

import greenlet
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

ROWS, PARTITION = 1000, 200
NUMBERS = select(func.generate_series(1, ROWS)).execution_options(yield_per=PARTITION)


@wrong
async def row_by_row(engine: AsyncEngine) -> dict[str, int]:
    """loop with `async for row in result`"""
    switches: list[str] = []
    async with engine.connect() as connection:
        result = await connection.stream(NUMBERS)
        greenlet.settrace(lambda event, _: switches.append(event))
        rows = [row async for row in result]
        greenlet.settrace(None)
    return {"rows": len(rows), "switches": len(switches)}


@right
async def by_partitions(engine: AsyncEngine) -> dict[str, int]:
    """loop with `async for rows in result.partitions()`"""
    switches: list[str] = []
    async with engine.connect() as connection:
        result = await connection.stream(NUMBERS)
        greenlet.settrace(lambda event, _: switches.append(event))
        rows = [row async for partition in result.partitions() for row in partition]
        greenlet.settrace(None)
    return {"rows": len(rows), "switches": len(switches)}


def check(row_by_row: Observation, by_partitions: Observation) -> None:
    assert row_by_row.value["rows"] == by_partitions.value["rows"] == ROWS
    more = row_by_row.value["switches"] - by_partitions.value["switches"]
    assert more == 2 * (ROWS - ROWS // PARTITION)


main = main_of(__name__)
