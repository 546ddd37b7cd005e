"""A sweep finds what is wrong, and nothing where all is right."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults import Report, inject
from orm_async_tests.faults.patterns import USERS, add, copy_first
from tests.faults.sweeps import LEFT, swept

INSERT = text("INSERT INTO users (username) VALUES ('one')")


async def leaks(engine: AsyncEngine) -> None:
    """Closes its connection, unless it is cancelled between its statements."""
    connection = await engine.connect()
    LEFT.append(connection)
    await connection.execute(text("SELECT 1"))
    await asyncio.sleep(0)
    await connection.close()


async def commits_twice(engine: AsyncEngine) -> None:
    """Two rows that belong together, in two transactions."""
    for _ in range(2):
        async with engine.begin() as connection:
            await connection.execute(INSERT)


async def swallows(engine: AsyncEngine) -> None:
    """Takes a cancel for an error of the database."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except BaseException as error:
        error.__traceback__ = None


async def goes_on(engine: AsyncEngine) -> None:
    """Asks something else if it is cancelled."""
    async with engine.connect() as connection:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            await connection.execute(text("SELECT 1"))


async def forgets_a_task(engine: AsyncEngine) -> None:
    """Starts a task that nobody waits for."""
    async with engine.connect() as connection:
        LEFT_TASKS.append(asyncio.create_task(asyncio.Event().wait()))
        await connection.execute(text("SELECT 1"))
        LEFT_TASKS.pop().cancel()


async def loses(engine: AsyncEngine) -> None:
    """Does without the row if the connection is lost, and says that it is done."""
    try:
        async with engine.begin() as connection:
            await connection.execute(INSERT)
    except Exception:
        return


async def tries_again(engine: AsyncEngine) -> None:
    """Does it once more on another connection if the first one is lost."""
    for left in (1, 0):
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                return
        except (DBAPIError, OSError):
            if not left:
                raise


async def fails(engine: AsyncEngine) -> None:
    """Fails without any fault."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1 FROM nowhere"))


LEFT_TASKS: list[asyncio.Task[bool]] = []


def broken(report: Report) -> set[str]:
    """The names of the invariants that were broken."""
    return {name for each in report.violating for name in each.violations}


def test_the_points_are_the_same_when_counted_again(database: db.Database) -> None:
    reports = [swept(database, add, "cancel", "reset", rows=USERS) for _ in range(2)]
    tokens = [[each.point.token for each in report.outcomes] for report in reports]
    assert tokens[0] == tokens[1]
    assert [cell.counts[0] for cell in reports[0].cells] == [
        cell.counts[1] for cell in reports[1].cells
    ]


def test_copy_before_begin_is_kept_in_part(database: db.Database) -> None:
    report = swept(database, copy_first, "cancel", rows=USERS)
    found = report.violating + report.expected
    assert {"partly"} <= {name for each in found for name in each.violations}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left behind on purpose is not waited for as long as usual."""
    monkeypatch.setattr(inject, "SETTLED_WITHIN", 0.5)


def test_a_connection_that_is_not_closed_is_found_where_it_is_lost(
    database: db.Database, impatient: None
) -> None:
    report = swept(database, leaks, "timeout")
    assert "checked out" in broken(report)
    first = next(each for each in report.violating if "checked out" in each.violations)
    assert first.label.startswith("test_sweep.py:")
    assert first.point.token in str(report)


def test_work_that_commits_twice_is_kept_in_part(database: db.Database) -> None:
    assert broken(swept(database, commits_twice, "cancel", "reset", rows=USERS)) == {"partly"}


def test_a_cancel_that_is_swallowed_is_found(database: db.Database) -> None:
    assert broken(swept(database, swallows, "cancel")) == {"swallowed"}


def test_a_scope_cancels_again_where_a_cancel_is_over(database: db.Database) -> None:
    assert broken(swept(database, goes_on, "cancel")) == {"swallowed"}
    report = swept(database, goes_on, "scope")
    assert report.outcomes
    assert not report.violating, report


def test_a_task_that_is_left_behind_is_found(database: db.Database, impatient: None) -> None:
    report = swept(database, forgets_a_task, "timeout")
    LEFT_TASKS.clear()
    assert "leaked task" in broken(report)


def test_work_that_is_said_to_be_done_and_is_lost_is_found(database: db.Database) -> None:
    assert broken(swept(database, loses, "reset", rows=USERS)) == {"lost"}


def test_another_try_helps_against_one_reset_and_not_where_the_network_stays_down(
    database: db.Database,
) -> None:
    ends = {
        kind: {each.ended for each in swept(database, tries_again, kind).outcomes}
        for kind in ("reset", "down")
    }
    assert ends["reset"] == {"done"}
    assert ends["down"]
    assert "done" not in ends["down"]


def test_work_that_fails_without_a_fault_cannot_be_swept(database: db.Database) -> None:
    with pytest.raises(CouldNotRun, match="ProgrammingError"):
        swept(database, fails, "cancel")
