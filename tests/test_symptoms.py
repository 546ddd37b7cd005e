"""The errors that scripts name are those that they meet, and each leads to its script."""

import asyncio
import json
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from orm_async_tests import catalogue, db, symptoms
from tests.cli.commands import orm
from tests.skips import skip_as
from tests.symptoms import met

ENTRIES = {entry.command: entry for entry in catalogue.catalogue() if entry.symptoms}
KNOWN = {entry.number: entry.symptoms for entry in ENTRIES.values()}
MOST = 3
POOL = "QueuePool limit of size 5 overflow 10 reached"


def pasted(error: BaseException, number: int) -> str:
    """An error's traceback as a stranger's program would print it, without the script's name."""
    return re.sub(rf"test0*{number}\w*", "app", "".join(traceback.format_exception(error)))


def named(text: str) -> list[int]:
    """The first three, and what fits as well as the third."""
    ranked = symptoms.ranked(text, KNOWN)
    worst = ranked[:MOST][-1][1] if ranked else 0
    return [number for number, score in ranked if score >= worst]


@pytest.mark.parametrize("driver", db.DRIVERS)
@pytest.mark.parametrize("command", ENTRIES)
def test_a_script_meets_its_symptoms_and_its_tracebacks_name_it(
    command: str, driver: str, database: db.Database
) -> None:
    entry = ENTRIES[command]
    url = db.with_driver(database.url, driver)
    result, noted = met(entry, db.Database(url, database.kind, database.label))
    skip_as(result)
    expected = [each for each in entry.symptoms if each.driver in ("", driver)]
    unmet = [each.line for each in expected if not any(shown.has(each) for shown in noted)]
    assert unmet == []
    found = {
        name: named(pasted(seen.error, entry.number))
        for name, seen in result.seen.items()
        if seen.kind == "wrong" and seen.error
    }
    assert [name for name, numbers in found.items() if entry.number not in numbers] == []


def sqlite(statement: str) -> None:
    """Run it twice through SQLAlchemy on another database."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE rows (id INTEGER PRIMARY KEY)")
            for _ in range(2):
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


async def too_late() -> None:
    """Run out of time."""
    async with asyncio.timeout(0):
        await asyncio.sleep(1)


def grown() -> None:
    """Change a dictionary while it is read."""
    growing: dict[int, int] = {1: 1}
    for each in growing:
        growing[each + 1] = 1


@pytest.mark.parametrize(
    "foreign",
    [
        lambda: 1 / 0,
        lambda: dict[str, int]()["session"],
        lambda: int("pool"),
        lambda: json.loads("{"),
        lambda: Path("nowhere").read_text(),
        lambda: list(None),  # type: ignore[call-overload]
        lambda: b"\xff".decode(),
        lambda: asyncio.run(too_late()),
        grown,
        lambda: sqlite("INSERT INTO rows VALUES (1)"),
        lambda: sqlite("SELECT nothing"),
    ],
)
def test_a_traceback_of_something_else_names_no_script(foreign: Callable[[], Any]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        foreign()
    assert named("".join(traceback.format_exception(caught.value))) == []


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
    assert number in named(text)


@pytest.mark.parametrize("typed", [True, False])
def test_why_answers_with_cause_cure_and_what_to_type(typed: bool) -> None:
    done = orm("why", POOL) if typed else orm("why", given=f"Traceback ...\n{POOL}, timed out\n")
    assert done.returncode == 0
    assert done.stdout.startswith("test32  ")
    assert "  cure: " in done.stdout
    assert "  type: orm-async-tests run 32 -v" in done.stdout


def test_why_says_so_when_it_knows_no_script() -> None:
    done = orm("why", "ZeroDivisionError: division by zero")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no script shows this error" in done.stderr


def test_why_without_an_error_says_what_to_type() -> None:
    done = orm("why", given=" \n")
    assert done.returncode == 2
    assert "  type:  orm-async-tests why" in done.stderr
