"""No isolation level lets a transaction overwrite another's uncommitted changes (anomaly G0).

The second writer of a row waits until the first writer releases its row lock. At READ COMMITTED,
the second writer of a row continues after the commit of the first writer. At REPEATABLE READ and
SERIALIZABLE, the second writer of a row fails with SQLSTATE 40001.

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Blocked, Observation, at_each_level, main_of
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def dirty_write(
    a: AsyncSession, b: AsyncSession, one: int, two: int, blocked: Blocked
) -> bool:
    """Let the sessions `a` and `b` write the same two rows.

    Return whether one row has the value of session `a`, and the other row has the value of session
    `b`.
    """
    await a.execute(update(TrackPoint).where(pk == one).values(lon=21))
    waiting = await blocked(b.execute(update(TrackPoint).where(pk == one).values(lon=31)))
    await a.execute(update(TrackPoint).where(pk == two).values(lon=22))
    await a.commit()
    await waiting
    await b.execute(update(TrackPoint).where(pk == two).values(lon=32))
    await b.commit()
    rows = await a.scalars(select(lon).where(pk.in_([one, two])).order_by(pk))
    return rows.all() not in ([21, 22], [31, 32])


read_committed, repeatable_read, serializable = at_each_level({"G0 dirty write": dirty_write})


def check(
    read_committed: Observation, repeatable_read: Observation, serializable: Observation
) -> None:
    assert read_committed.value == {"G0 dirty write": "prevented"}
    assert repeatable_read.value == serializable.value == {"G0 dirty write": "40001"}


main = main_of(__name__)
