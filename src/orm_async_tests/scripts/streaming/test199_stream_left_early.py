"""On psycopg, the cursor of a stream stays open if you leave the stream early.

A `break`, an exception or a cancellation leaves the cursor of a stream open. When the garbage
collector deletes an open cursor, psycopg issues a ResourceWarning. Close the result of a stream in
a `finally` block. On asyncpg, an unfinished stream leaves its cursor open without a warning
(test234).

Docs: https://www.psycopg.org/psycopg3/docs/advanced/cursors.html#server-side-cursors
Symptom: you get ResourceWarning "was deleted while still open".
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import TrackPoint

ONLY = "psycopg"
POINTS = select(TrackPoint).order_by(TrackPoint.id).execution_options(yield_per=2)


@wrong(warns=True)
async def left_open(session: AsyncSession) -> dict[str, object]:
    """break out of the loop over the stream"""
    points, reached = await session.stream_scalars(POINTS), 0
    async for point in points:
        if (reached := point.id) == 3:
            break
    return {"reached": reached}


@right
async def closed(session: AsyncSession) -> dict[str, object]:
    """break out of the loop over the stream, and close the result"""
    points, reached = await session.stream_scalars(POINTS), 0
    try:
        async for point in points:
            if (reached := point.id) == 3:
                break
    finally:
        await points.close()
    return {"reached": reached}


@right
async def read_to_the_end(session: AsyncSession) -> dict[str, object]:
    """read the stream to its end, which closes the cursor"""
    ids = [point.id async for point in await session.stream_scalars(POINTS)]
    return {"reached": ids[-1]}


def check(left_open: Observation, closed: Observation, read_to_the_end: Observation) -> None:
    assert left_open.value == closed.value == {"reached": 3}
    assert read_to_the_end.value == {"reached": 6}
    assert left_open.warnings == ["ResourceWarning"]
    assert closed.warnings == read_to_the_end.warnings == []


main = main_of(__name__)
