"""No isolation level lets changes vanish after a reader has seen them (anomaly OTV).

Two transactions write the same two rows, and a third transaction reads the rows one after the
other. A reader that has seen one change of a transaction sees all changes of that transaction. At
REPEATABLE READ and SERIALIZABLE, the second writer of a row fails with SQLSTATE 40001.

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Blocked, Observation, at_each_level, main_of
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def vanishes(
    a: AsyncSession, b: AsyncSession, c: AsyncSession, one: int, two: int, blocked: Blocked
) -> bool:
    """Let the sessions `a` and `b` write the same two rows.

    Return whether session `c` reads one value of session `a` and one value of session `b`.
    """
    await a.execute(update(TrackPoint).where(pk == one).values(lon=21))
    await a.execute(update(TrackPoint).where(pk == two).values(lon=22))
    waiting = await blocked(b.execute(update(TrackPoint).where(pk == one).values(lon=31)))
    await a.commit()
    await waiting
    first = await c.scalar(select(lon).where(pk == one))
    await b.execute(update(TrackPoint).where(pk == two).values(lon=32))
    second = await c.scalar(select(lon).where(pk == two))
    await b.commit()
    rows = await c.scalars(select(lon).where(pk.in_([one, two])).order_by(pk.desc()))
    return (first, second) != (21, 22) or rows.all() not in ([32, 31], [22, 21])


read_committed, repeatable_read, serializable = at_each_level(
    {"OTV observed transaction vanishes": vanishes}
)


def check(
    read_committed: Observation, repeatable_read: Observation, serializable: Observation
) -> None:
    assert set(read_committed.value.values()) == {"prevented"}
    assert set(repeatable_read.value.values()) == {"40001"}
    assert serializable.value == repeatable_read.value


main = main_of(__name__)
