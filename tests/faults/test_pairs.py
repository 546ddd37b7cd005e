"""The second fault of a pair arrives during the clean-up after the first fault."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.faults.fault_points import Fault, Point
from orm_async_tests.faults.injection import SweptFunction
from orm_async_tests.faults.patterns import USERS, add
from orm_async_tests.faults.sweeping import Sweep
from tests.faults.sweep_runs import LEAKED, name_violations, run_sweep


async def close_unless_cancelled_twice(engine: AsyncEngine) -> None:
    """Close the connection after one cancel, but not after two."""
    connection = await engine.connect()
    LEAKED.append(connection)
    try:
        await asyncio.sleep(0)  # stands for a call of another service
    except asyncio.CancelledError:
        await asyncio.sleep(0)  # stands for writing a log
        await connection.close()
        raise
    await connection.close()


@pytest.mark.thorough
def test_a_second_cancel_at_every_suspension_is_survived(database: db.Database) -> None:
    report = run_sweep(database, add, "cancel+cancel", rows=USERS)
    assert not report.violating, report
    assert len(report.outcomes) > 2 * len(run_sweep(database, add, "cancel").outcomes)
    assert {outcome.point.then for outcome in report.outcomes} >= {1, 2, 3, 4}


@pytest.mark.thorough
def test_the_end_of_a_backend_during_the_clean_up_is_survived(database: db.Database) -> None:
    report = run_sweep(database, add, "cancel+terminate", rows=USERS)
    assert not report.violating, report
    assert report.outcomes


def test_a_function_that_a_second_cancel_breaks_is_reported(database: db.Database) -> None:
    assert not run_sweep(database, close_unless_cancelled_twice, "cancel").violating
    report = run_sweep(database, close_unless_cancelled_twice, "cancel+cancel")
    assert "checked out" in name_violations(report)


def test_a_point_of_a_pair_can_be_run_alone(database: db.Database) -> None:
    engine = create_async_engine(database.url)
    point = Point("asyncpg", "asyncio", "add", Fault("cancel+cancel", "suspended"), 2, 2)
    sweep = Sweep(SweptFunction(add, USERS, engine=engine), database.url, ("cancel+cancel",))
    outcome = asyncio.run(sweep.run_point(point))
    assert outcome.delivered
    assert not outcome.violations
    assert ", then " in outcome.label
