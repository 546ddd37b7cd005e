"""A network that is silent: who is released by whom."""

import asyncio

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.faults import Report, sweep
from orm_async_tests.faults.kinds import Fault
from orm_async_tests.faults.outcome import Point
from orm_async_tests.faults.patterns import USERS, Work
from orm_async_tests.faults.sweeping import again
from orm_async_tests.models import User
from tests.faults.test_faults_command import Run, run

__all__ = ["run"]  # a fixture

TIMEOUT = 0.75  # seconds


async def read(engine: AsyncEngine) -> None:
    """One value."""
    async with engine.connect() as connection:
        await connection.scalar(text("SELECT 1"))


async def write(engine: AsyncEngine) -> None:
    """One row."""
    async with engine.begin() as connection:
        await connection.execute(insert(User).values(username="one"))


def released(database: db.Database, work: Work, kind: str) -> Report:
    """The report of a sweep in which the driver's timeouts alone release the caller."""
    timeouts = {"timeout": TIMEOUT, "command_timeout": TIMEOUT}

    async def swept() -> Report:
        engine = create_async_engine(database.url, connect_args=timeouts)
        return await sweep(work, engine, rows=USERS, kinds=[kind])

    report = asyncio.run(swept())
    assert not report.violating, report
    assert not report.unresolved
    assert {each.ended for each in report.outcomes} == {"TimeoutError"}
    assert not any(each.retries for each in report.outcomes)
    return report


def test_a_connection_that_is_silent_is_given_up_by_the_driver(database: db.Database) -> None:
    report = released(database, write, "stall")
    assert len(report.outcomes) >= 10
    assert [each.point.fault.moment for each in report.ambiguous] == ["after"]
    assert min(each.seconds for each in report.outcomes) > TIMEOUT


def test_a_network_that_is_silent_is_given_up_by_the_driver(database: db.Database) -> None:
    assert len(released(database, read, "partition").outcomes) >= 8


def test_a_timeout_that_is_longer_than_ones_patience_is_found(database: db.Database) -> None:
    engine = create_async_engine(database.url, connect_args={"command_timeout": 60})
    point = Point("asyncpg", "asyncio", "read", Fault("stall", "before"), 2)
    seen = again(read, lambda: engine, database.url, None, point, patience=0.2)
    assert set(asyncio.run(seen).violations) == {"waiting"}


def test_without_timeouts_the_caller_waits_until_it_is_cancelled(run: Run) -> None:
    code, out, _ = run("--point", "asyncpg/asyncio/read_untimed/stall-before/2")
    assert code == 1
    assert "waiting: the caller was released by a cancel alone" in out


def test_at_the_exit_of_a_session_no_cancel_releases_it(run: Run) -> None:
    code, out, _ = run("--point", "asyncpg/asyncio/read_untimed/stall-after/5")
    assert code == 1
    assert "stuck: the caller was not released" in out
