"""READ COMMITTED loses updates, but stricter levels reject the second update (anomaly P4).

Two transactions read the value 15, add one, and both commit 16, so one addition is lost. At
REPEATABLE READ, the second UPDATE of a row fails with SQLSTATE 40001, and you must run the whole
transaction again. To lose no update at READ COMMITTED, let the server compute the sum with `SET lon
= lon + 1`, or lock the row with with_for_update().

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
Symptom: you get an error (SQLSTATE 40001) "could not serialize access due to concurrent update".
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Blocked, Observation, at_each_level, main_of
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def lost_update(a: AsyncSession, b: AsyncSession, one: int, blocked: Blocked) -> bool:
    """Add 1 to the same value in both sessions, and return whether one of the additions is lost."""
    read = select(lon).where(pk == one)
    read_by_a, read_by_b = await a.scalar(read) or 0, await b.scalar(read) or 0
    await a.execute(update(TrackPoint).where(pk == one).values(lon=read_by_a + 1))
    write = update(TrackPoint).where(pk == one).values(lon=read_by_b + 1)
    waiting = await blocked(b.execute(write))
    await a.commit()
    await waiting
    await b.commit()
    return await a.scalar(read) == read_by_a + 1


read_committed, repeatable_read, serializable = at_each_level({"P4 lost update": lost_update})


def check(
    read_committed: Observation, repeatable_read: Observation, serializable: Observation
) -> None:
    assert read_committed.value == {"P4 lost update": "occurs"}
    assert repeatable_read.value == serializable.value == {"P4 lost update": "40001"}


main = main_of(__name__)
