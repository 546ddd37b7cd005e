"""No level lets a transaction overwrite what another has not committed (G0).

The second writer waits for the first one's row lock. When that commits it goes on at READ
COMMITTED, and both rows end with its values; at the stricter levels it fails (40001).

Docs: https://www.postgresql.org/docs/current/transaction-iso.html
Docs: https://github.com/ept/hermitage/blob/master/postgres.md
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Seen, Stage, main_of, outcomes, way
from orm_async_tests.models import TrackPoint

pk = TrackPoint.id
lon = TrackPoint.lon


async def dirty_write(stage: Stage) -> bool:
    """both write two rows: does each keep one of them?"""
    a, b, (one, two) = stage.a, stage.b, stage.points
    await a.execute(update(TrackPoint).where(pk == one).values(lon=21))
    waiting = await stage.blocked(b.execute(update(TrackPoint).where(pk == one).values(lon=31)))
    await a.execute(update(TrackPoint).where(pk == two).values(lon=22))
    await a.commit()
    await waiting
    await b.execute(update(TrackPoint).where(pk == two).values(lon=32))
    await b.commit()
    rows = await a.scalars(select(lon).where(pk.in_(stage.points)).order_by(pk))
    return rows.all() not in ([21, 22], [31, 32])


ANOMALIES = {"G0 dirty write": dirty_write}


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
    assert read_committed.value == {"G0 dirty write": "prevented"}
    assert repeatable_read.value == serializable.value == {"G0 dirty write": "40001"}


main = main_of(__name__)
