"""REPEATABLE READ allows write skew, and only SERIALIZABLE prevents it (anomaly G2-item).

In a write skew, two transactions read the same two rows, and each transaction writes a different
row. As an example of write skew, two doctors on call both go home, because each doctor reads that
the other doctor is on call. SERIALIZABLE tracks what every transaction has read, and lets one of
two conflicting transactions fail with SQLSTATE 40001. After SQLSTATE 40001, run the failed
transaction again.

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
Symptom: you get an error (SQLSTATE 40001)
"could not serialize access due to read/write dependencies".
"""

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, at_each_level, main_of
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def write_skew(a: AsyncSession, b: AsyncSession, one: int, two: int) -> bool:
    """Let the sessions `a` and `b` read the same two rows, and then change different rows.

    Return whether both sessions commit their changes.
    """
    low = select(func.count()).where(pk.in_([one, two]), lon < 20)
    enough = await a.scalar(low) == 2 and await b.scalar(low) == 2
    await a.execute(update(TrackPoint).where(pk == one).values(lon=21))
    await b.execute(update(TrackPoint).where(pk == two).values(lon=22))
    await a.commit()
    await b.commit()
    return enough and await a.scalar(low) == 0


read_committed, repeatable_read, serializable = at_each_level({"G2-item write skew": write_skew})


def check(
    read_committed: Observation, repeatable_read: Observation, serializable: Observation
) -> None:
    assert read_committed.value == repeatable_read.value == {"G2-item write skew": "occurs"}
    assert serializable.value == {"G2-item write skew": "40001"}


main = main_of(__name__)
