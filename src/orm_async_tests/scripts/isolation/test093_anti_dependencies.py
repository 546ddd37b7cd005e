"""Only SERIALIZABLE stops two transactions from missing each other's inserts (anomaly G2).

In the schedule `two_inserts`, two transactions find no matching row, and each of them inserts one.
In the schedule `two_edges`, a third transaction only reads, but no serial order of the three
transactions explains what it reads. At SERIALIZABLE, one of the conflicting transactions fails with
SQLSTATE 40001.

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
"""

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, at_each_level, main_of
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon
NOW = func.now()


async def two_inserts(a: AsyncSession, b: AsyncSession, user: int) -> bool:
    """Return whether both sessions find no row and then insert one."""
    new = {"user_id": user, "lat": 1, "lon": 30, "date": NOW}
    count = select(func.count()).where(TrackPoint.user_id == user, lon == 30)
    empty = await a.scalar(count) == await b.scalar(count) == 0
    await a.execute(insert(TrackPoint).values(new))
    await b.execute(insert(TrackPoint).values(new))
    await a.commit()
    await b.commit()
    return empty and await a.scalar(count) == 2


async def two_edges(a: AsyncSession, b: AsyncSession, c: AsyncSession, one: int, two: int) -> bool:
    """Return whether no serial order of transactions explains the reads of sessions `a` and `c`."""
    both = select(lon).where(pk.in_([one, two])).order_by(pk)
    before = (await a.scalars(both)).all()
    await b.execute(update(TrackPoint).where(pk == two).values(lon=lon + 5))
    await b.commit()
    between = (await c.scalars(both)).all()
    await c.commit()
    await a.execute(update(TrackPoint).where(pk == one).values(lon=0))
    await a.commit()
    return before == [15, 16] and between == [15, 21]


read_committed, repeatable_read, serializable = at_each_level(
    {"G2 new rows": two_inserts, "G2 two edges": two_edges}
)


def check(
    read_committed: Observation, repeatable_read: Observation, serializable: Observation
) -> None:
    assert set(read_committed.value.values()) == {"occurs"}
    assert repeatable_read.value == read_committed.value
    assert set(serializable.value.values()) == {"40001"}


main = main_of(__name__)
