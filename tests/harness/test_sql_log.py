"""The SQL log of a variant if statements or COMMIT got no answer."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL

from orm_async_tests import db
from orm_async_tests.harness.report.render import describe_cost
from orm_async_tests.harness.report.transcript import build_transcript
from tests.harness.example_scripts import CANCELLED, ran

LOST_COMMIT = """
    @variant
    async def one(session, wire):
        await session.execute(text("SELECT 1"))
        wire.lose_answer(to="COMMIT")
        await session.commit()
"""
REFUSED = """
    ALSO = "aiosqlite"

    @variant
    async def one(session):
        await session.execute(text("SELECT nothing"))
"""


@pytest.mark.parametrize("driver", db.DRIVERS)
def test_a_cancelled_statement_is_shown_but_not_counted(database: db.Database, driver: str) -> None:
    driven = replace(database, url=db.with_driver(database.url, driver))
    observation = ran(CANCELLED, driven).observations["one"]
    [line] = build_transcript(observation)
    assert line.text == "BEGIN; SELECT pg_sleep(60) -> cancelled"  # its connection is closed
    assert observation.sql == []
    assert describe_cost(observation).startswith("0 statements, 1 unanswered, ")


@pytest.mark.parametrize(("driver", "failure"), [("asyncpg", "08003"), ("psycopg", "no answer")])
def test_a_commit_without_an_answer_is_marked(
    database: db.Database, driver: str, failure: str
) -> None:
    driven = replace(database, url=db.with_driver(database.url, driver))
    [line] = build_transcript(ran(LOST_COMMIT, driven).observations["one"])
    assert line.text == f"BEGIN; SELECT 1; COMMIT -> {failure}"


def test_a_statement_that_sqlite_refuses_names_its_error(tmp_path: Path) -> None:
    url = URL.create("sqlite+aiosqlite", database=str(tmp_path / "test.db"))
    observation = ran(REFUSED, db.Database(url, "file", "")).observations["one"]
    assert [line.text for line in build_transcript(observation)] == [
        "BEGIN; SELECT nothing -> OperationalError; ROLLBACK"
    ]
    assert observation.sql == ["SELECT nothing"]
