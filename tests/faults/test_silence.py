"""On a silent network, only the driver's timeouts release the caller."""

import asyncio

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.faults import Report, sweep
from orm_async_tests.faults.fault_points import Fault, Point
from orm_async_tests.faults.injection import Function, SweptFunction
from orm_async_tests.faults.outcomes import Outcome
from orm_async_tests.faults.patterns import USERS, read_untimed
from orm_async_tests.faults.sweeping import Sweep
from orm_async_tests.models import User

TIMEOUT = 0.75  # seconds
TIMEOUTS = {"timeout": TIMEOUT, "command_timeout": TIMEOUT}


async def read(engine: AsyncEngine) -> None:
    """Read one value."""
    async with engine.connect() as connection:
        await connection.scalar(text("SELECT 1"))


async def write(engine: AsyncEngine) -> None:
    """Insert one row."""
    async with engine.begin() as connection:
        await connection.execute(insert(User).values(username="one"))


def sweep_with_timeouts(database: db.Database, function: Function, kind: str) -> Report:
    """Return the report of a sweep with an engine whose timeouts release every caller."""

    async def run() -> Report:
        engine = create_async_engine(database.url, connect_args=TIMEOUTS)
        return await sweep(function, engine, rows=USERS, kinds=[kind])

    report = asyncio.run(run())
    assert not report.violating, report
    assert not report.unresolved
    assert {outcome.result for outcome in report.outcomes} == {"TimeoutError"}
    assert not any(outcome.failed_uses for outcome in report.outcomes)
    return report


def run_stall(
    database: db.Database,
    function: Function,
    moment: str,
    at: int,
    timeout: float | None,
    patience: float,
) -> Outcome:
    """Return the outcome of a stall at one message, with this command_timeout in seconds."""
    options = {} if timeout is None else {"command_timeout": timeout}
    engine = create_async_engine(database.url, connect_args=options)
    swept = SweptFunction(function, USERS, engine=engine, patience=patience)
    sweep = Sweep(swept, database.url, ("stall",))
    point = Point("asyncpg", "asyncio", "read", Fault("stall", moment), at)
    return asyncio.run(sweep.run_point(point))


@pytest.mark.thorough
def test_the_driver_gives_up_a_silent_connection(database: db.Database) -> None:
    report = sweep_with_timeouts(database, write, "stall")
    assert len(report.outcomes) >= 10
    assert [outcome.point.fault.moment for outcome in report.ambiguous] == ["after"]
    assert min(outcome.seconds for outcome in report.outcomes) > TIMEOUT


@pytest.mark.thorough
def test_the_driver_gives_up_a_silent_network(database: db.Database) -> None:
    assert len(sweep_with_timeouts(database, read, "partition").outcomes) >= 8


def test_the_driver_gives_up_a_stalled_command(database: db.Database) -> None:
    outcome = run_stall(database, write, "before", 2, timeout=TIMEOUT, patience=30)
    assert outcome.result == "TimeoutError"
    assert not outcome.violations
    assert outcome.seconds > TIMEOUT


def test_a_timeout_longer_than_the_patience_is_reported(database: db.Database) -> None:
    outcome = run_stall(database, read, "before", 2, timeout=60, patience=0.2)
    assert set(outcome.violations) == {"waiting"}


def test_without_timeouts_only_a_cancel_releases_the_caller(database: db.Database) -> None:
    outcome = run_stall(database, read_untimed, "before", 2, timeout=None, patience=0.2)
    assert set(outcome.violations) == {"waiting"}


@pytest.mark.thorough
def test_no_cancel_can_leave_a_session_on_a_silent_network(database: db.Database) -> None:
    outcome = run_stall(database, read_untimed, "after", 5, timeout=None, patience=0.2)
    assert "stuck" in outcome.violations
