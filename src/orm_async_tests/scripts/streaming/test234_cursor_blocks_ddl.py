"""After you leave a stream early, TRUNCATE and ALTER fail in the same transaction (55006).

If you leave a stream with `break`, its cursor stays open. While a cursor of the transaction is open
on a table, PostgreSQL refuses to truncate or alter the table. On psycopg, closing the result of the
stream closes the cursor. On asyncpg, only the end of the transaction closes the cursor of an
unfinished stream. Commit or roll back before you change a table that you have streamed.

Docs: https://www.postgresql.org/docs/current/sql-declare.html
Symptom: you get an error (SQLSTATE 55006)
"because it is being used by active queries in this session".
"""

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, Stack, main_of, right, variant, wrong
from orm_async_tests.models import TrackPoint

STREAM = select(TrackPoint.id).order_by(TrackPoint.id).execution_options(yield_per=2)
TRUNCATE = text("TRUNCATE track_points")


@wrong(warns=True)
async def left_open(session: AsyncSession) -> dict[str, list[int]]:
    """break out of the stream, then TRUNCATE"""
    read = []
    async for point in await session.stream(STREAM):
        read.append(point.id)
        break
    await session.execute(TRUNCATE)
    return {"read": read}


@variant
async def closed(session: AsyncSession) -> dict[str, list[int]]:
    """break out of the stream, close the result, then TRUNCATE"""
    read, points = [], await session.stream(STREAM)
    async for point in points:
        read.append(point.id)
        break
    await points.close()
    await session.execute(TRUNCATE)
    return {"read": read}


@right
async def rolled_back(session: AsyncSession) -> dict[str, list[int]]:
    """break out of the stream, close the result, roll back, then TRUNCATE"""
    read, points = [], await session.stream(STREAM)
    async for point in points:
        read.append(point.id)
        break
    await points.close()
    await session.rollback()
    await session.execute(TRUNCATE)
    return {"read": read}


def check(
    stack: Stack, left_open: Observation, closed: Observation, rolled_back: Observation
) -> None:
    assert left_open.sqlstate == "55006"
    assert rolled_back.value == {"read": [1]}
    if stack.driver == "asyncpg":
        assert closed.sqlstate == "55006"
    else:
        assert closed.value == {"read": [1]}


main = main_of(__name__)
