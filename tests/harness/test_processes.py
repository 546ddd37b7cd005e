"""A function of a script runs in a new process."""

import asyncio
import os
import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db
from orm_async_tests.db import sqlstate
from orm_async_tests.harness import Processes


async def pids(after: str) -> tuple[int, int, str]:
    """Return the IDs of this process and of its parent process."""
    return os.getpid(), os.getppid(), after


async def fail(database: db.Database) -> None:
    """Raise an error of SQLAlchemy that is caused by an error of the driver."""
    engine = create_async_engine(database.url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT * FROM nothing"))
    finally:
        await engine.dispose()


def test_each_run_has_a_process_of_its_own() -> None:
    one, _, word = asyncio.run(Processes().run(pids, after="argument"))
    other, _, _ = asyncio.run(Processes().run(pids, "argument"))
    assert len({one, other, os.getpid()}) == 3
    assert word == "argument"


def test_an_error_comes_back_with_its_causes_and_says_where_it_was(database: db.Database) -> None:
    with pytest.raises(ProgrammingError) as raised:
        asyncio.run(Processes().run(fail, database))
    assert sqlstate(raised.value) == "42P01"
    assert "UndefinedTableError" in [type(cause).__name__ for cause in causes(raised.value)]
    assert "in fail" in "".join(traceback.format_exception(raised.value))


def causes(error: BaseException | None) -> list[BaseException]:
    """Return the error and its causes."""
    return [error, *causes(error.__cause__)] if error else []
