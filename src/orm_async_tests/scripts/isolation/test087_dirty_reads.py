"""No isolation level lets a transaction read uncommitted changes (anomalies G1a, G1b and G1c).

PostgreSQL has no dirty reads, and treats READ UNCOMMITTED as READ COMMITTED. In the schedule of
anomaly G1c, two transactions update different rows, and then each transaction reads the row that
the other has updated. At SERIALIZABLE, PostgreSQL aborts one of the two transactions with SQLSTATE
40001.

Docs: https://github.com/ept/hermitage/blob/master/postgres.md
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, at_each_level, main_of
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def aborted_read(a: AsyncSession, b: AsyncSession, one: int) -> bool:
    """Return whether session `b` reads a value that session `a` rolls back."""
    await a.execute(update(TrackPoint).where(pk == one).values(lon=99))
    dirty = await b.scalar(select(lon).where(pk == one))
    await a.rollback()
    return dirty == 99


async def intermediate_read(a: AsyncSession, b: AsyncSession, one: int) -> bool:
    """Return whether session `b` reads 99, which session `a` changes to 11 before its commit."""
    await a.execute(update(TrackPoint).where(pk == one).values(lon=99))
    dirty = await b.scalar(select(lon).where(pk == one))
    await a.execute(update(TrackPoint).where(pk == one).values(lon=11))
    await a.commit()
    return dirty == 99


async def circular(a: AsyncSession, b: AsyncSession, one: int, two: int) -> bool:
    """Return whether the sessions `a` and `b` read each other's uncommitted changes."""
    await a.execute(update(TrackPoint).where(pk == one).values(lon=21))
    await b.execute(update(TrackPoint).where(pk == two).values(lon=32))
    values = [
        await a.scalar(select(lon).where(pk == two)),
        await b.scalar(select(lon).where(pk == one)),
    ]
    await a.commit()
    await b.commit()
    return values == [32, 21]


read_committed, repeatable_read, serializable = at_each_level(
    {
        "G1a aborted read": aborted_read,
        "G1b intermediate read": intermediate_read,
        "G1c circular": circular,
    }
)


def check(
    read_committed: Observation, repeatable_read: Observation, serializable: Observation
) -> None:
    assert (
        read_committed.value
        == repeatable_read.value
        == dict.fromkeys(serializable.value, "prevented")
    )
    assert serializable.value == {**read_committed.value, "G1c circular": "40001"}


main = main_of(__name__)
