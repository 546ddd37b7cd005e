"""The text that shows a result."""

from datetime import date
from typing import NamedTuple

import pytest
from asyncpg import DeadlockDetectedError
from sqlalchemy.exc import DBAPIError, MissingGreenlet, StatementError

from orm_async_tests import db
from orm_async_tests.harness.report.phrasing import format_result
from orm_async_tests.harness.report.render import render_full
from orm_async_tests.terminal import MIN_WIDTH, render_table
from tests.harness.example_scripts import ran


class Named(NamedTuple):
    """A named tuple as an example of evidence."""

    jobs_done: int
    on: date


LOCKED = """
    PLAIN = select(User.id).where(User.username != "nobody").order_by(User.id).limit(1)
    @wrong
    async def plain(session):
        "take the first"
        return {"first": await session.scalar(PLAIN)}
    @right
    async def locked(session):
        "lock the first"
        return {"first": await session.scalar(PLAIN.with_for_update(skip_locked=True))}
    def check(plain, locked):
        assert plain.value == locked.value
"""


@pytest.mark.parametrize("columns", [MIN_WIDTH, 80, 200])
def test_what_makes_the_right_way_different_is_shown_at_any_width(
    columns: int, database: db.Database
) -> None:
    lines = [text for _, text in render_full(ran(LOCKED, database), columns)]
    assert max(map(len, lines)) <= columns
    assert "FOR UPDATE SKIP LOCKED" in " ".join(" ".join(lines).replace("^", "").split())
    marked = [line for line in lines if line.strip(" ^") == "" and "^" in line]
    assert sum(line.count("^") for line in marked) >= len("FOR UPDATE SKIP LOCKED") - len(marked)


def test_the_verdict_stands_above_its_proof(database: db.Database) -> None:
    lines = [text.strip() for _, text in render_full(ran(LOCKED, database))]
    proof = lines[lines.index("HOLDS") + 1 :]
    assert proof[0].split() == ["=", "plain.value", "==", "locked.value", "{'first':", "1}"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"jobs done": 20, "by": "all"}, "jobs done 20, by 'all'"),
        (Named(20, date(2026, 1, 2)), "jobs done 20, on datetime.date(2026, 1, 2)"),
        ((20, 1), "(20, 1)"),
        (ValueError("text"), "ValueError"),
        (MissingGreenlet("text"), "MissingGreenlet (code xd2s)"),
        (
            DBAPIError("SELECT", (), DeadlockDetectedError()),
            "DBAPIError (code dbapi, SQLSTATE 40P01)",
        ),
        (
            StatementError("text", "SELECT", (), MissingGreenlet(), code="xd2s"),
            "StatementError (code xd2s), caused by MissingGreenlet",
        ),
        (int, "int"),
    ],
)
def test_evidence_is_read_by_its_names(value: object, shown: str) -> None:
    assert format_result(value) == shown


def test_a_grid_is_as_wide_as_its_words() -> None:
    lines = [text for _, text in render_table([("", "one"), ("three", "x")])]
    assert lines == ["       one", "three  x"]
