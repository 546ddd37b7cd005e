"""While you read a stream, its session can run statements, but a failed statement ends the stream.

The cursor of a stream and the other statements of its session share one transaction. A failed
statement aborts the transaction, so the next fetch of the stream fails (25P02), even if you have
caught the error. Put a savepoint around a statement that may fail. If you update rows while you
read a stream, the stream still returns the old rows.

Docs: https://www.postgresql.org/docs/current/sql-declare.html
Symptom: you get an error (SQLSTATE 25P02) "current transaction is aborted, commands ignored".
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from sqlalchemy import func, insert, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import TrackPoint, User

FIFTY = select(func.generate_series(1, 50).label("number")).subquery()
STREAM = (  # more rows than one fetch of a driver
    select(FIFTY.c.number, TrackPoint.lat)
    .join_from(FIFTY, TrackPoint, true())
    .execution_options(yield_per=10)
)
TWICE = insert(User).values(id=1, username="guide")  # a user has this key


async def insert_during_stream(
    session: AsyncSession, block: AbstractAsyncContextManager[Any]
) -> dict[str, int]:
    rows = 0
    async for _ in await session.stream(STREAM):
        rows += 1
        if rows == 1:
            try:
                async with block:
                    await session.execute(TWICE)
            except IntegrityError:
                continue
    return {"rows": rows}


@wrong
async def caught(session: AsyncSession) -> dict[str, int]:
    """after the first row of a stream, let an INSERT fail outside a savepoint, and read the rest"""
    return await insert_during_stream(session, nullcontext())


@right
async def in_a_savepoint(session: AsyncSession) -> dict[str, int]:
    """after the first row of a stream, let an INSERT fail inside a savepoint, and read the rest"""
    return await insert_during_stream(session, session.begin_nested())


@right
async def updated(session: AsyncSession) -> dict[str, int]:
    """after the first row of a stream, UPDATE all rows, and count the rows that show the change"""
    rows, changed = 0, 0
    async for row in await session.stream(STREAM):
        rows, changed = rows + 1, changed + (row.lat == 90)
        if rows == 1:
            await session.execute(update(TrackPoint).values(lat=90))
    return {"rows": rows, "changed rows": changed}


def check(caught: Observation, in_a_savepoint: Observation, updated: Observation) -> None:
    assert caught.sqlstate == "25P02"
    assert in_a_savepoint.value == {"rows": 300}
    assert updated.value == {"rows": 300, "changed rows": 0}


main = main_of(__name__)
