"""Two faults: the second one comes while the first is cleaned up."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.faults.patterns import USERS, add
from orm_async_tests.faults.sweeping import again
from tests.faults.sweeps import LEFT, swept


async def cleans_up_once(engine: AsyncEngine) -> None:
    """Closes its connection whenever it is cancelled, if only once."""
    connection = await engine.connect()
    LEFT.append(connection)
    try:
        await asyncio.sleep(0)  # such as a call of another service
    except asyncio.CancelledError:
        await asyncio.sleep(0)  # such as a line of a log
        await connection.close()
        raise
    await connection.close()


def test_a_second_cancel_at_every_suspension_is_survived(database: db.Database) -> None:
    report = swept(database, add, "cancel+cancel", rows=USERS)
    assert not report.violating, report
    assert len(report.outcomes) > 2 * len(swept(database, add, "cancel").outcomes)
    assert {each.point.then for each in report.outcomes} >= {1, 2, 3, 4}


def test_the_end_of_a_backend_during_the_clean_up_is_survived(database: db.Database) -> None:
    report = swept(database, add, "cancel+terminate", rows=USERS)
    assert not report.violating, report
    assert report.outcomes


def test_work_that_a_second_cancel_breaks_is_found(database: db.Database) -> None:
    assert not swept(database, cleans_up_once, "cancel").violating
    report = swept(database, cleans_up_once, "cancel+cancel")
    broken = {name for each in report.violating for name in each.violations}
    assert "checked out" in broken


def test_the_point_of_a_pair_is_run_again_by_its_token(database: db.Database) -> None:
    point = next(
        each.point
        for each in swept(database, add, "cancel+cancel", rows=USERS).outcomes
        if each.point.then == 2
    )
    engine = create_async_engine(database.url)
    seen = asyncio.run(again(add, lambda: engine, database.url, USERS, point))
    assert seen.delivered
    assert ", then " in seen.label
