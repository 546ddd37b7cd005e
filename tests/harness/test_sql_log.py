"""The SQL log of a variant if statements or COMMIT got no answer."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL

from orm_async_tests import db, urls
from orm_async_tests.harness.report.render import describe_cost
from orm_async_tests.harness.report.transcript import build_transcript
from orm_async_tests.harness.wire.sql_log import ENDS
from orm_async_tests.stack_options import DRIVERS
from tests.harness.example_scripts import CANCELLED, ran
from tests.skips import skip_as

LOST_COMMIT = """
    @variant
    async def one(session, wire):
        await session.execute(text("SELECT 1"))
        wire.lose_answer(to="COMMIT")
        await session.commit()
"""
FETCHED_TOO_LATE = """
    @variant
    async def one(session):
        rows = await session.stream(text("SELECT generate_series(1, 1000)"))
        await session.commit()
        await session.execute(text("SELECT 1"))
        await session.commit()
        async for _ in rows:
            pass
"""
FIRST_ROW_FAILS = """
    @variant
    async def one(session):
        await session.stream(text("SELECT 1 / (1 - n) FROM generate_series(1, 9) n"))
"""
AUTOCOMMIT = """
    @variant(engine={"isolation_level": "AUTOCOMMIT"})
    async def one(engine):
        async with engine.begin() as connection:
            await connection.execute(text("SELECT 1"))
        async with engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="REPEATABLE READ")
            await connection.execute(text("SELECT 2"))
"""
BEHIND_PGBOUNCER = """
    @variant
    async def one(pooler, make_engine):
        async with make_engine(pooler.start()).begin() as connection:
            await connection.execute(text("SELECT 1"))
"""
REFUSED = """
    ALSO = "aiosqlite"

    @variant
    async def one(session):
        await session.execute(text("SELECT nothing"))
"""


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_cancelled_statement_is_shown_but_not_counted(database: db.Database, driver: str) -> None:
    driven = replace(database, url=urls.with_driver(database.url, driver))
    observation = ran(CANCELLED, driven).observations["one"]
    [line] = build_transcript(observation)
    assert line.text == "BEGIN; SELECT pg_sleep(60) -> cancelled"  # its connection is closed
    assert observation.sql == []
    assert describe_cost(observation).startswith("0 statements, 1 unanswered, ")


@pytest.mark.parametrize(("driver", "failure"), [("asyncpg", "08003"), ("psycopg", "no answer")])
def test_a_commit_without_an_answer_is_marked(
    database: db.Database, driver: str, failure: str
) -> None:
    driven = replace(database, url=urls.with_driver(database.url, driver))
    [line] = build_transcript(ran(LOST_COMMIT, driven).observations["one"])
    assert line.text == f"BEGIN; SELECT 1; COMMIT -> {failure}"


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param(
            FETCHED_TOO_LATE,
            ["BEGIN; SELECT generate_series(1, 1000); COMMIT", "BEGIN; SELECT 1; COMMIT"],
            id="fetched_after_a_commit",
        ),
        pytest.param(
            FIRST_ROW_FAILS,
            ["BEGIN; SELECT 1 / (1 - n) FROM generate_series(1, 9) n -> 22012; ROLLBACK"],
            id="first_row_fails",
        ),
        pytest.param(
            AUTOCOMMIT, ["SELECT 1", "BEGIN; SELECT 2; ROLLBACK"], id="nothing_begins_in_autocommit"
        ),
    ],
)
def test_the_log_shows_only_what_the_server_got(
    database: db.Database, driver: str, body: str, lines: list[str]
) -> None:
    driven = replace(database, url=urls.with_driver(database.url, driver))
    observation = ran(body, driven).observations["one"]
    assert [line.text for line in build_transcript(observation, in_full=True)] == lines
    begun = [event for event in observation.events if event.begins]
    assert len(begun) == observation.log.count("BEGIN")
    ends = [event for event in observation.events if event.kind in ("commit", "rollback")]
    assert len(ends) == len([line for line in observation.log if line in ENDS])


def test_round_trips_to_a_pooler_of_the_variant_are_not_counted(database: db.Database) -> None:
    result = ran(BEHIND_PGBOUNCER, database)
    skip_as(result)
    observation = result.observations["one"]
    assert [line.text for line in build_transcript(observation)] == ["BEGIN; SELECT 1; COMMIT"]
    assert "round trip" not in describe_cost(observation)


def test_a_statement_that_sqlite_refuses_names_its_error(tmp_path: Path) -> None:
    url = URL.create("sqlite+aiosqlite", database=str(tmp_path / "test.db"))
    observation = ran(REFUSED, db.Database(url, "file", "")).observations["one"]
    assert [line.text for line in build_transcript(observation)] == [
        "BEGIN; SELECT nothing -> OperationalError; ROLLBACK"
    ]
    assert observation.sql == ["SELECT nothing"]
