"""Only at READ COMMITTED can two reads of a transaction use different snapshots (anomaly G-single).

At READ COMMITTED, a statement sees the changes that another transaction has committed since the
previous statement. Two statements of a READ COMMITTED transaction may return rows that were never
valid at the same time. At REPEATABLE READ and SERIALIZABLE, the whole transaction uses one
snapshot. If you write a row that has changed since your snapshot, you get SQLSTATE 40001.

Docs: https://github.com/ept/hermitage/blob/master/postgres.md
"""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Blocked, Observation, at_each_level, main_of
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def swap(b: AsyncSession, one: int, two: int) -> None:
    """Exchange the values of the rows `one` and `two` in session `b`."""
    await b.execute(update(TrackPoint).where(pk == one).values(lon=16))
    await b.execute(update(TrackPoint).where(pk == two).values(lon=15))


async def skew(a: AsyncSession, b: AsyncSession, one: int, two: int) -> bool:
    first = await a.scalar(select(lon).where(pk == one))
    await swap(b, one, two)
    await b.commit()
    return first == await a.scalar(select(lon).where(pk == two))


async def predicate(a: AsyncSession, b: AsyncSession, one: int, two: int) -> bool:
    first = await a.scalar(select(pk).where(lon == 15, pk.in_([one, two])))
    await swap(b, one, two)
    await b.commit()
    return first != await a.scalar(select(pk).where(lon == 15, pk.in_([one, two])))


async def write(a: AsyncSession, b: AsyncSession, one: int, two: int, blocked: Blocked) -> bool:
    await a.scalar(select(lon).where(pk == one))
    await swap(b, one, two)
    waiting = await blocked(a.execute(delete(TrackPoint).where(pk == two, lon == 16)))
    await b.commit()
    await waiting
    return await a.scalar(select(pk).where(pk == two)) is not None


read_committed, repeatable_read, serializable = at_each_level(
    {"G-single read skew": skew, "G-single predicate": predicate, "G-single write": write}
)


def check(
    read_committed: Observation, repeatable_read: Observation, serializable: Observation
) -> None:
    assert set(read_committed.value.values()) == {"occurs"}
    assert list(repeatable_read.value.values()) == ["prevented", "prevented", "40001"]
    assert serializable.value == repeatable_read.value


main = main_of(__name__)
