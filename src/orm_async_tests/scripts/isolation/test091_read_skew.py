"""READ COMMITTED mixes before and after; the stricter levels do not (G-single).

Between two statements another transaction commits, and the second one sees it: two rows that
never were true together. One snapshot for the transaction prevents it, and fails (40001)
where it would have to write over what it cannot see.

Docs: https://github.com/ept/hermitage/blob/master/postgres.md
"""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Seen, Stage, main_of, outcomes, way
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def swapped(stage: Stage) -> None:
    b, (one, two) = stage.b, stage.points
    await b.execute(update(TrackPoint).where(pk == one).values(lon=16))
    await b.execute(update(TrackPoint).where(pk == two).values(lon=15))


async def skew(stage: Stage) -> bool:
    a, (one, two) = stage.a, stage.points
    first = await a.scalar(select(lon).where(pk == one))
    await swapped(stage)
    await stage.b.commit()
    return first == await a.scalar(select(lon).where(pk == two))


async def predicate(stage: Stage) -> bool:
    a, (one, two) = stage.a, stage.points
    first = await a.scalar(select(pk).where(lon == 15, pk.in_([one, two])))
    await swapped(stage)
    await stage.b.commit()
    return first != await a.scalar(select(pk).where(lon == 15, pk.in_([one, two])))


async def write(stage: Stage) -> bool:
    a, (one, two) = stage.a, stage.points
    await a.scalar(select(lon).where(pk == one))
    await swapped(stage)
    waiting = await stage.blocked(a.execute(delete(TrackPoint).where(pk == two, lon == 16)))
    await stage.b.commit()
    await waiting
    return await a.scalar(select(pk).where(pk == two)) is not None


ANOMALIES = {"G-single read skew": skew, "G-single predicate": predicate, "G-single write": write}


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
    assert list(repeatable_read.value.values()) == ["prevented", "prevented", "40001"]
    assert serializable.value == repeatable_read.value


main = main_of(__name__)
