"""A sweep reports violations of a wrong function, and none of a right function."""

import asyncio
import sys
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults import injection, sweep
from orm_async_tests.faults.patterns import USERS, add, copy_first
from orm_async_tests.faults.sweeping import read_url, select_kinds
from orm_async_tests.urls import with_driver
from tests.faults.sweep_runs import LEAKED, name_violations, run_sweep

INSERT = text("INSERT INTO users (username) VALUES ('one')")
PSYCOPG = ("psycopg", "psycopg_async")
PENDING: list[asyncio.Task[bool]] = []


async def leak_if_cancelled(engine: AsyncEngine) -> None:
    """Close the connection, unless a cancel arrives between its statements."""
    connection = await engine.connect()
    LEAKED.append(connection)
    await connection.execute(text("SELECT 1"))
    await asyncio.sleep(0)
    await connection.close()


async def keep_lock_if_cancelled(engine: AsyncEngine) -> None:
    """Unlock, unless a cancel arrives before the last statement."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(1)"))
        await asyncio.sleep(0)
        await connection.execute(text("SELECT pg_advisory_unlock(1)"))


async def keep_lock(engine: AsyncEngine) -> None:
    """Return the connection to the pool without unlocking."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(1)"))


async def commit_twice(engine: AsyncEngine) -> None:
    """Insert two related rows in two transactions."""
    for _ in range(2):
        async with engine.begin() as connection:
            await connection.execute(INSERT)


async def swallow_cancel(engine: AsyncEngine) -> None:
    """Handle CancelledError like an error of the database."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except BaseException as error:
        error.__traceback__ = None


async def continue_after_cancel(engine: AsyncEngine) -> None:
    """Run another statement after a cancel."""
    async with engine.connect() as connection:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            await connection.execute(text("SELECT 1"))


async def forget_task(engine: AsyncEngine) -> None:
    """Start a task, and do not wait for it."""
    async with engine.connect() as connection:
        PENDING.append(asyncio.create_task(asyncio.Event().wait()))
        await connection.execute(text("SELECT 1"))
        PENDING.pop().cancel()


async def ignore_errors(engine: AsyncEngine) -> None:
    """Report success although the lost connection has also lost the row."""
    try:
        async with engine.begin() as connection:
            await connection.execute(INSERT)
    except Exception:
        return


async def retry_once(engine: AsyncEngine) -> None:
    """Run a query again on another connection if the first one is lost."""
    for retries in (1, 0):
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                return
        except (DBAPIError, OSError):
            if not retries:
                raise


async def exit_if_cancelled(engine: AsyncEngine) -> None:
    """End the program after a cancel."""
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        sys.exit("cancelled")


async def always_fail(engine: AsyncEngine) -> None:
    """Fail even if no fault is injected."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1 FROM nowhere"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait only half a second for connections that the functions leak on purpose."""
    monkeypatch.setattr(injection, "SETTLED_WITHIN", 0.5)


def test_two_sweeps_have_the_same_points(database: db.Database) -> None:
    reports = [run_sweep(database, add, "cancel", "reset", rows=USERS) for _ in range(2)]
    first, second = ([outcome.point.token for outcome in report.outcomes] for report in reports)
    assert first == second
    assert [cell.counts[0] for cell in reports[0].cells] == [
        cell.counts[1] for cell in reports[1].cells
    ]


def test_copy_before_begin_commits_in_part(database: db.Database) -> None:
    report = run_sweep(database, copy_first, "cancel", rows=USERS)
    violating = report.violating + report.expected
    assert "partial commit" in {name for outcome in violating for name in outcome.violations}


def test_a_connection_that_is_not_closed_is_reported_with_its_line(
    database: db.Database, impatient: None
) -> None:
    report = run_sweep(database, leak_if_cancelled, "timeout")
    assert "checked out" in name_violations(report)
    first = next(outcome for outcome in report.violating if "checked out" in outcome.violations)
    assert first.label.startswith("test_sweep.py:")
    assert first.point.token in str(report)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_a_lock_that_stays_with_a_pooled_connection_is_reported(
    database: db.Database, impatient: None, driver: str
) -> None:
    database = replace(database, url=with_driver(database.url, driver))
    report = run_sweep(database, keep_lock_if_cancelled, "timeout")
    assert name_violations(report) == {"open backend"}
    assert "open backend: idle with an advisory lock" in str(report)


def test_a_violation_without_a_fault_ends_the_sweep(database: db.Database, impatient: None) -> None:
    report = run_sweep(database, keep_lock, "timeout", "reset")
    assert [outcome.point.at for outcome in report.outcomes] == [0]
    assert name_violations(report) == {"open backend"}


def test_two_transactions_commit_in_part(database: db.Database) -> None:
    report = run_sweep(database, commit_twice, "cancel", "reset", rows=USERS)
    assert name_violations(report) == {"partial commit"}


def test_a_swallowed_cancel_is_reported(database: db.Database) -> None:
    assert name_violations(run_sweep(database, swallow_cancel, "cancel")) == {"swallowed"}


def test_an_exit_does_not_end_the_sweep(database: db.Database) -> None:
    report = run_sweep(database, exit_if_cancelled, "cancel")
    assert name_violations(report) == {"swallowed"}
    assert "the function called sys.exit('cancelled')" in str(report)


def test_a_scope_cancels_again_after_a_swallowed_cancel(database: db.Database) -> None:
    assert name_violations(run_sweep(database, continue_after_cancel, "cancel")) == {"swallowed"}
    report = run_sweep(database, continue_after_cancel, "scope")
    assert report.outcomes
    assert not report.violating, report


def test_a_forgotten_task_is_reported(database: db.Database, impatient: None) -> None:
    report = run_sweep(database, forget_task, "timeout")
    PENDING.clear()
    assert "leaked task" in name_violations(report)


def test_success_without_a_commit_is_reported(database: db.Database) -> None:
    report = run_sweep(database, ignore_errors, "reset", rows=USERS)
    assert name_violations(report) == {"lost commit"}


def test_a_retry_survives_one_reset_but_no_network_that_stays_down(database: db.Database) -> None:
    results = {
        kind: {outcome.result for outcome in run_sweep(database, retry_once, kind).outcomes}
        for kind in ("reset", "down")
    }
    assert results["reset"] == {"done"}
    assert results["down"]
    assert "done" not in results["down"]


def test_a_function_that_fails_without_a_fault_is_refused(database: db.Database) -> None:
    with pytest.raises(CouldNotRun, match="ProgrammingError"):
        run_sweep(database, always_fail, "cancel")


def test_a_function_that_does_not_end_is_refused(
    database: db.Database, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait_forever(_engine: AsyncEngine) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(injection, "RELEASED_WITHIN", 0.1)
    with pytest.raises(CouldNotRun, match="the function does not end"):
        run_sweep(database, wait_forever, "cancel")


def test_an_engine_of_another_driver_is_refused() -> None:
    with pytest.raises(CouldNotRun, match="the engine uses aiosqlite"):
        asyncio.run(sweep(add, create_async_engine("sqlite+aiosqlite://")))


def test_both_names_of_psycopg_stand_for_the_same_driver() -> None:
    urls = [read_url(create_async_engine(f"postgresql+{name}://")) for name in PSYCOPG]
    assert [url.get_driver_name() for url in urls] == ["psycopg", "psycopg"]


def test_an_unknown_fault_is_refused(database: db.Database) -> None:
    with pytest.raises(CouldNotRun, match="there is no fault 'flood'"):
        run_sweep(database, add, "flood")


def test_a_string_names_one_kind_of_fault() -> None:
    assert select_kinds("cancel", print) == select_kinds(["cancel"], print) == ("cancel",)
