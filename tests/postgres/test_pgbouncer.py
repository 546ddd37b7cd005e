"""PgBouncer ends with the `with` block or the process that started it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db, urls
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.environment import requirements
from orm_async_tests.postgres import pgbouncer, pooler
from orm_async_tests.stack_options import DRIVERS
from tests.conftest import execute
from tests.postgres.conftest import run_and_kill
from tests.processes import pids_of, until

OWNER = """
import sys
from orm_async_tests import db
from orm_async_tests.postgres import pgbouncer
with db.open_database("embedded") as database, pgbouncer(database.url) as pooler:
    print(pooler.start(pool_mode="session").query["host"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def installed() -> None:
    """Skip the test if PgBouncer is not installed."""
    if missing := requirements.find_missing(requirements.PGBOUNCER, wire=True):
        pytest.skip(str(missing))


async def show_through_pooler(database: db.Database, name: str) -> str:
    """Return the value of a setting, which a query through a pooler reads."""
    with pgbouncer(database.url) as pooler:
        engine = create_async_engine(pooler.start(pool_mode="session"))
        async with engine.connect() as connection:
            value = await connection.scalar(text(f"SHOW {name}"))
        await engine.dispose()
    return str(value)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("driver", DRIVERS)
def test_both_drivers_reach_the_server_through_pgbouncer(
    driver: str, database: db.Database
) -> None:
    through = db.Database(urls.with_driver(database.url, driver), "url", "through")
    data = asyncio.run(show_through_pooler(through, "data_directory"))
    assert data.startswith(str(database.url.query["host"]))


@pytest.mark.usefixtures("installed")
def test_names_and_passwords_with_quotes_and_spaces_work(empty_database: db.Database) -> None:
    name, password = "Walker O'Hill", "two 'words' \\ and % = ;"
    execute(empty_database, f"""CREATE ROLE "{name}" LOGIN PASSWORD $${password}$$""")
    try:
        url = empty_database.url.set(username=name, password=password)
        assert (
            asyncio.run(show_through_pooler(db.Database(url, "url", "walker"), "is_superuser"))
            == "off"
        )
    finally:
        execute(empty_database, f'DROP ROLE "{name}"')


@pytest.mark.usefixtures("installed")
def test_processes_and_folders_are_gone_after_the_block(database: db.Database) -> None:
    with pgbouncer(database.url) as pooler:
        folders = [Path(str(pooler.start(pool_mode="session").query["host"])) for _ in range(2)]
        assert all(pids_of(folder) for folder in folders)
    assert not any(pids_of(folder) or folder.exists() for folder in folders)


@pytest.mark.usefixtures("installed")
def test_pgbouncer_ends_with_its_owner_however_that_dies(home: Path) -> None:
    folder = run_and_kill(OWNER)
    until(lambda: not pids_of(folder))


@pytest.mark.usefixtures("installed")
def test_the_error_names_a_setting_that_pgbouncer_refuses(database: db.Database) -> None:
    with pgbouncer(database.url) as pooler, pytest.raises(CouldNotRun, match="no_such_mode"):
        pooler.start(pool_mode="no_such_mode")


@pytest.mark.parametrize("program", ["no_such_program", "/bin/false"])
def test_a_missing_requirement_is_an_error_that_says_what_to_install(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(pooler.PGBOUNCER_VARIABLE, program)
    with pytest.raises(CouldNotRun) as raised:
        requirements.require("binaries,pgbouncer")
    assert raised.value.where == "--require"
    assert raised.value.remedy == pooler.REMEDY


@pytest.mark.usefixtures("installed")
def test_an_older_pgbouncer_does_not_meet_the_requirement_of_a_newer_one() -> None:
    assert "needs pgbouncer>=99" in str(requirements.find_missing("pgbouncer>=99", wire=True))


@pytest.mark.parametrize("word", ["pgbuoncer", "pgbouncers", "pgbouncer>=new", "binaries,x"])
def test_an_unknown_requirement_is_refused(word: str) -> None:
    with pytest.raises(CouldNotRun, match="cannot be required"):
        requirements.require(word)
