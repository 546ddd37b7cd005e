"""The look-up of errors: known errors lead to scripts, those of other programs do not."""

import asyncio
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError, OperationalError

from orm_async_tests import catalogue
from orm_async_tests.symptoms import find_scripts
from tests.cli.commands import orm

KNOWN = {script.number: script.symptoms for script in catalogue.read_scripts()}
POOL = "QueuePool limit of size 5 overflow 10 reached"


def run_twice_on_sqlite(statement: str) -> None:
    """Run a statement twice through SQLAlchemy on SQLite."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE rows (id INTEGER PRIMARY KEY)")
            for _ in range(2):
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


async def time_out() -> None:
    """Raise TimeoutError."""
    async with asyncio.timeout(0):
        await asyncio.sleep(1)


def change_while_iterating() -> None:
    """Change a dictionary while a loop reads it."""
    growing: dict[int, int] = {1: 1}
    for key in growing:
        growing[key + 1] = 1


@pytest.mark.parametrize(
    ("error", "foreign"),
    [
        (ZeroDivisionError, lambda: 1 / 0),
        (KeyError, lambda: dict[str, int]()["session"]),
        (ValueError, lambda: int("pool")),
        (json.JSONDecodeError, lambda: json.loads("{")),
        (FileNotFoundError, lambda: Path("nowhere").read_text()),
        (TypeError, lambda: list(json.loads("null"))),
        (UnicodeDecodeError, lambda: b"\xff".decode()),
        (TimeoutError, lambda: asyncio.run(time_out())),
        (RuntimeError, change_while_iterating),
        (IntegrityError, lambda: run_twice_on_sqlite("INSERT INTO rows VALUES (1)")),
        (OperationalError, lambda: run_twice_on_sqlite("SELECT nothing")),
    ],
)
def test_a_traceback_of_another_program_names_no_script(
    error: type[Exception], foreign: Callable[[], Any]
) -> None:
    with pytest.raises(error) as caught:
        foreign()
    assert find_scripts("".join(traceback.format_exception(caught.value)), KNOWN) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (POOL, 32),
        ("MissingGreenlet", 5),
        ("greenlet_spawn has not been called; can't call await_only() here", 5),
        ("sqlalchemy.exc.PendingRollbackError", 20),
        ("InvalidCachedStatementError: cached statement plan is invalid", 39),
        ("can\u2019t subtract offset-naive and offset-aware datetimes", 45),
        ("got Future <Future pending> attached to a different loop", 30),
        ("40P01", 101),
        ("(Background on this error at: https://sqlalche.me/e/21/bhk3)", 61),
        ("cannot perform operation: another operation\n   is in progress", 79),
    ],
)
def test_a_part_of_an_error_is_enough(text: str, number: int) -> None:
    assert number in find_scripts(text, KNOWN)


@pytest.mark.parametrize("is_argument", [True, False])
def test_why_prints_cause_cure_and_command(is_argument: bool) -> None:
    pasted = f"Traceback ...\n{POOL}, timed out\n"
    done = orm("why", POOL) if is_argument else orm("why", stdin=pasted)
    assert done.returncode == 0
    assert done.stdout.startswith("test32  ")
    assert "  cure: " in done.stdout
    assert "  type: orm-async-tests run 32 -v" in done.stdout


def test_why_says_so_when_it_knows_no_script() -> None:
    done = orm("why", "ZeroDivisionError: division by zero")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no script shows this error" in done.stderr


def test_why_without_an_error_names_the_remedy() -> None:
    done = orm("why", stdin=" \n")
    assert done.returncode == 2
    assert "  type:  orm-async-tests why" in done.stderr
