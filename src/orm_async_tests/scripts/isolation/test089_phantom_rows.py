"""READ COMMITTED allows phantom rows, but REPEATABLE READ does not (anomaly PMP).

At READ COMMITTED, every statement has its own snapshot, so a repeated query may return new rows,
called phantoms. At REPEATABLE READ and SERIALIZABLE, the whole transaction uses one snapshot. If
you write a row that has changed since your snapshot, you get SQLSTATE 40001.

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
"""

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Blocked, Observation, at_each_level, main_of
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon
NOW = func.now()


async def read(a: AsyncSession, b: AsyncSession, user: int) -> bool:
    """Return whether a row that session `b` inserts appears in a repeated query of session `a`."""
    query = select(pk).where(TrackPoint.user_id == user, lon == 30)
    before = (await a.scalars(query)).all()
    values = {"user_id": user, "lat": 1, "lon": 30, "date": NOW}
    await b.execute(insert(TrackPoint).values(values))
    await b.commit()
    return (await a.scalars(query)).all() != before


async def write(a: AsyncSession, b: AsyncSession, one: int, two: int, blocked: Blocked) -> bool:
    """Return whether `DELETE WHERE lon = 16` in session `b` misses a row that `a` sets to 16."""
    await a.execute(update(TrackPoint).where(pk.in_([one, two])).values(lon=lon + 1))
    delete_sixteen = delete(TrackPoint).where(pk.in_([one, two]), lon == 16)
    waiting = await blocked(b.execute(delete_sixteen))
    await a.commit()
    await waiting
    await b.commit()
    return one in (await a.scalars(select(pk).where(lon == 16))).all()


read_committed, repeatable_read, serializable = at_each_level(
    {"PMP read predicate": read, "PMP write predicate": write}
)


def check(
    read_committed: Observation, repeatable_read: Observation, serializable: Observation
) -> None:
    assert set(read_committed.value.values()) == {"occurs"}
    assert repeatable_read.value == {
        "PMP read predicate": "prevented",
        "PMP write predicate": "40001",
    }
    assert serializable.value == repeatable_read.value


main = main_of(__name__)
