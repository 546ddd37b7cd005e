"""READ COMMITTED loses updates; the stricter levels refuse the second (P4).

Both read 15, both add one, both commit: 16. At REPEATABLE READ the second UPDATE finds that
its row was changed after its snapshot, and fails (40001): try the transaction again. At READ
COMMITTED say `SET lon = lon + 1`, or lock the row with with_for_update().

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
Docs: https://github.com/ept/hermitage/blob/master/postgres.md
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Seen, Stage, main_of, outcomes, way
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def lost_update(stage: Stage) -> bool:
    a, b, (one, _) = stage.a, stage.b, stage.points
    read = select(lon).where(pk == one)
    seen_by_a, seen_by_b = await a.scalar(read) or 0, await b.scalar(read) or 0
    await a.execute(update(TrackPoint).where(pk == one).values(lon=seen_by_a + 1))
    write = update(TrackPoint).where(pk == one).values(lon=seen_by_b + 1)
    waiting = await stage.blocked(b.execute(write))
    await a.commit()
    await waiting
    await b.commit()
    return await a.scalar(read) == seen_by_a + 1


ANOMALIES = {"P4 lost update": lost_update}


@way(engine={"isolation_level": "READ COMMITTED"})
async def read_committed(engine: AsyncEngine, server: Activity) -> dict[str, str]:
    """two or three sessions at READ COMMITTED, PostgreSQL's default"""
    return await outcomes(engine, server, ANOMALIES)


@way(engine={"isolation_level": "REPEATABLE READ"})
async def repeatable_read(engine: AsyncEngine, server: Activity) -> dict[str, str]:
    """the same at REPEATABLE READ"""
    return await outcomes(engine, server, ANOMALIES)


@way(engine={"isolation_level": "SERIALIZABLE"})
async def serializable(engine: AsyncEngine, server: Activity) -> dict[str, str]:
    """the same at SERIALIZABLE"""
    return await outcomes(engine, server, ANOMALIES)


def check(read_committed: Seen, repeatable_read: Seen, serializable: Seen) -> None:
    assert read_committed.value == {"P4 lost update": "occurs"}
    assert repeatable_read.value == serializable.value == {"P4 lost update": "40001"}


main = main_of(__name__)
