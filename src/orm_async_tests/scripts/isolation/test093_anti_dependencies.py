"""Only SERIALIZABLE prevents cycles of reads and new rows (G2).

Each looks for rows, finds none, and inserts one that the other would have found. Or: a reader
that writes nothing sees a state that no order of the transactions could have made, and the
writer that would complete the cycle fails (40001).

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
Docs: https://github.com/ept/hermitage/blob/master/postgres.md
"""

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Seen, Stage, main_of, outcomes, way
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon
NOW = func.now()


async def two_inserts(stage: Stage) -> bool:
    a, b, user = stage.a, stage.b, stage.user
    new = {"user_id": user, "lat": 1, "lon": 30, "date": NOW}
    found = select(func.count()).where(TrackPoint.user_id == user, lon == 30)
    empty = await a.scalar(found) == await b.scalar(found) == 0
    await a.execute(insert(TrackPoint).values(new))
    await b.execute(insert(TrackPoint).values(new))
    await a.commit()
    await b.commit()
    return empty and await a.scalar(found) == 2


async def two_edges(stage: Stage) -> bool:
    a, b, c, (one, two) = stage.a, stage.b, stage.c, stage.points
    both = select(lon).where(pk.in_([one, two])).order_by(pk)
    before = (await a.scalars(both)).all()
    await b.execute(update(TrackPoint).where(pk == two).values(lon=lon + 5))
    await b.commit()
    between = (await c.scalars(both)).all()
    await c.commit()
    await a.execute(update(TrackPoint).where(pk == one).values(lon=0))
    await a.commit()
    return before == [15, 16] and between == [15, 21]


ANOMALIES = {"G2 new rows": two_inserts, "G2 two edges": two_edges}


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
    assert set(read_committed.value.values()) == {"occurs"}
    assert repeatable_read.value == read_committed.value
    assert set(serializable.value.values()) == {"40001"}


main = main_of(__name__)
