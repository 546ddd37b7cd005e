"""A stream left before its end leaves its cursor open on psycopg.

The server forgets the cursor at the end of the transaction, but the object goes to the garbage
collector, which complains by a ResourceWarning, an error where warnings are errors. `break`, an
exception and a cancel all leave a stream so, and only its last row closes it by itself: close the
result in a `finally`. asyncpg's cursor is nothing to close.

Symptom: ResourceWarning "was deleted while still open"
Docs: https://www.psycopg.org/psycopg3/docs/advanced/cursors.html#server-side-cursors
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import TrackPoint

ONLY = "psycopg"
POINTS = select(TrackPoint).order_by(TrackPoint.id).execution_options(yield_per=2)


@wrong(warns=True)
async def leave_it(session: AsyncSession) -> dict[str, object]:
    """break out of the rows"""
    points, reached = await session.stream_scalars(POINTS), 0
    async for point in points:
        if (reached := point.id) == 3:
            break
    return {"reached": reached}


@right
async def close_it(session: AsyncSession) -> dict[str, object]:
    """break out of the rows, and close the result"""
    points, reached = await session.stream_scalars(POINTS), 0
    try:
        async for point in points:
            if (reached := point.id) == 3:
                break
    finally:
        await points.close()
    return {"reached": reached}


@right
async def read_it(session: AsyncSession) -> dict[str, object]:
    """read to the end: the last row closes it"""
    read = [point.id async for point in await session.stream_scalars(POINTS)]
    return {"reached": read[-1]}


def check(leave_it: Observation, close_it: Observation, read_it: Observation) -> None:
    assert leave_it.value == close_it.value == {"reached": 3}
    assert read_it.value == {"reached": 6}
    assert leave_it.warnings == ["ResourceWarning"]
    assert close_it.warnings == read_it.warnings == []


main = main_of(__name__)
