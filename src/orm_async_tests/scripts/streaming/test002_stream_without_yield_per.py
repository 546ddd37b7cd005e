"""Without yield_per, an ORM stream fetches every row before it returns the first one.

Without yield_per, the ORM reads all rows before it builds its objects. With yield_per, the ORM
reads the rows in partitions, and memory holds one partition at a time. The stream of a connection
returns rows instead of objects, and fetches them in batches even without yield_per.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/api.html#fetching-large-result-sets-with-yield-per
"""

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, Option, at_least, main_of, right, variant, wrong
from orm_async_tests.models import TrackPoint, User

OPTIONS = (Option("rows", at_least(5000), "10000", "track points to read, at least 5000"),)
JOIN = select(TrackPoint, User).join(TrackPoint.user)


async def seed(connection: AsyncConnection, rows: int) -> None:
    await connection.execute(text("INSERT INTO users (username) VALUES ('username-1')"))
    walk = "SELECT 1, n, n, now() FROM generate_series(1, :rows) n"
    insert = text(f"INSERT INTO track_points (user_id, lat, lon, date) {walk}")
    await connection.execute(insert, {"rows": rows})


@wrong
async def buffered(session: AsyncSession, rows: int) -> AsyncIterator[Any]:
    """stream all rows without yield_per"""
    async for row in await session.stream(JOIN.limit(rows)):
        yield row


@variant
async def buffered_tenth(session: AsyncSession, rows: int) -> AsyncIterator[Any]:
    """stream a tenth of the rows without yield_per"""
    async for row in await session.stream(JOIN.limit(rows // 10)):
        yield row


@variant
async def plain_rows(engine: AsyncEngine, rows: int) -> AsyncIterator[Any]:
    """stream all rows of a connection, without yield_per"""
    async with engine.connect() as connection:
        async for row in await connection.stream(JOIN.limit(rows)):
            yield row


@right
async def streamed(session: AsyncSession, rows: int) -> AsyncIterator[Any]:
    """stream all rows in partitions, with yield_per"""
    result = await session.stream(JOIN.limit(rows).execution_options(yield_per=100))
    async for partition in result.partitions():
        for row in partition:
            yield row


@variant
async def streamed_tenth(session: AsyncSession, rows: int) -> AsyncIterator[Any]:
    """stream a tenth of the rows in partitions, with yield_per"""
    result = await session.stream(JOIN.limit(rows // 10).execution_options(yield_per=100))
    async for partition in result.partitions():
        for row in partition:
            yield row


def check(
    buffered: Observation,
    buffered_tenth: Observation,
    plain_rows: Observation,
    streamed: Observation,
    streamed_tenth: Observation,
    rows: int,
) -> None:
    assert buffered.value == plain_rows.value == streamed.value == {"items": rows}
    assert buffered_tenth.value == streamed_tenth.value == {"items": rows // 10}

    buffered_share = buffered.seconds_to_first / buffered.seconds
    streamed_share = streamed.seconds_to_first / streamed.seconds
    assert 0 < streamed_share < buffered_share / 3  # the part of the time before the first row

    assert buffered.peak_bytes > 5 * buffered_tenth.peak_bytes  # memory grows with the rows
    assert streamed.peak_bytes < 2 * streamed_tenth.peak_bytes
    assert plain_rows.peak_bytes < buffered.peak_bytes / 3


main = main_of(__name__)
