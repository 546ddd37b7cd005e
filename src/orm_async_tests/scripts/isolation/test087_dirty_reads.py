"""No level reads what is not committed, or what is rolled back (G1a, G1b, G1c).

PostgreSQL has no dirty reads: READ UNCOMMITTED is READ COMMITTED there. Where two transactions
each write a row and read the other one's (G1c), SERIALIZABLE even ends one of them (40001).

Docs: https://github.com/ept/hermitage/blob/master/postgres.md
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Seen, Stage, main_of, outcomes, way
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def aborted_read(stage: Stage) -> bool:
    a, b, (one, _) = stage.a, stage.b, stage.points
    await a.execute(update(TrackPoint).where(pk == one).values(lon=99))
    dirty = await b.scalar(select(lon).where(pk == one))
    await a.rollback()
    return dirty == 99


async def intermediate_read(stage: Stage) -> bool:
    a, b, (one, _) = stage.a, stage.b, stage.points
    await a.execute(update(TrackPoint).where(pk == one).values(lon=99))
    dirty = await b.scalar(select(lon).where(pk == one))
    await a.execute(update(TrackPoint).where(pk == one).values(lon=11))
    await a.commit()
    return dirty == 99


async def circular(stage: Stage) -> bool:
    a, b, (one, two) = stage.a, stage.b, stage.points
    await a.execute(update(TrackPoint).where(pk == one).values(lon=21))
    await b.execute(update(TrackPoint).where(pk == two).values(lon=32))
    seen = [
        await a.scalar(select(lon).where(pk == two)),
        await b.scalar(select(lon).where(pk == one)),
    ]
    await a.commit()
    await b.commit()
    return seen == [32, 21]


ANOMALIES = {
    "G1a aborted read": aborted_read,
    "G1b intermediate read": intermediate_read,
    "G1c circular": circular,
}


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
    assert read_committed.value == repeatable_read.value == dict.fromkeys(ANOMALIES, "prevented")
    assert serializable.value == {**read_committed.value, "G1c circular": "40001"}


main = main_of(__name__)
