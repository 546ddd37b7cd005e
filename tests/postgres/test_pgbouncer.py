"""PgBouncer in front of a server: whoever starts it ends it."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.environment import requirements
from orm_async_tests.postgres import pgbouncer, pooler
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
    """Skips where there is no PgBouncer."""
    if reason := requirements.find_missing(requirements.PGBOUNCER, wire=True):
        pytest.skip(reason)


async def said(database: db.Database, name: str) -> str:
    """What the server says of a setting, through a pooler."""
    with pgbouncer(database.url) as own:
        engine = create_async_engine(own.start(pool_mode="session"))
        async with engine.connect() as connection:
            shown = await connection.scalar(text(f"SHOW {name}"))
        await engine.dispose()
    return str(shown)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("driver", db.DRIVERS)
def test_it_leads_to_the_same_server_whoever_the_driver_is(
    driver: str, database: db.Database
) -> None:
    through = db.Database(db.with_driver(database.url, driver), "url", "through")
    data = asyncio.run(said(through, "data_directory"))
    assert data.startswith(str(database.url.query["host"]))


@pytest.mark.usefixtures("installed")
def test_a_user_whose_password_has_quotes_and_spaces_gets_in(empty_database: db.Database) -> None:
    name, password = "Walker O'Hill", "two 'words' \\ and % = ;"
    asyncio.run(
        _as_admin(empty_database, f"""CREATE ROLE "{name}" LOGIN PASSWORD $${password}$$""")
    )
    try:
        own = empty_database.url.set(username=name, password=password)
        assert asyncio.run(said(db.Database(own, "url", "own"), "is_superuser")) == "off"
    finally:
        asyncio.run(_as_admin(empty_database, f'DROP ROLE "{name}"'))


async def _as_admin(database: db.Database, sql: str) -> None:
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        await connection.exec_driver_sql(sql)


@pytest.mark.usefixtures("installed")
def test_nothing_of_it_is_left_after_the_block(database: db.Database) -> None:
    with pgbouncer(database.url) as own:
        folders = [Path(str(own.start(pool_mode="session").query["host"])) for _ in range(2)]
        assert all(pids_of(folder) for folder in folders)
    assert not any(pids_of(folder) or folder.exists() for folder in folders)


@pytest.mark.usefixtures("installed")
def test_it_ends_with_its_owner_however_that_dies(home: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    folder = Path(owner.stdout.readline().strip())
    assert pids_of(folder)

    owner.kill()
    owner.communicate()

    until(lambda: not pids_of(folder))


@pytest.mark.usefixtures("installed")
def test_a_setting_that_it_refuses_is_told(database: db.Database) -> None:
    with pgbouncer(database.url) as own, pytest.raises(CouldNotRun, match="no_such_mode"):
        own.start(pool_mode="no_such_mode")


def test_what_is_required_and_missing_is_an_error_with_what_to_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(pooler.VARIABLE, "no_such_program")
    with pytest.raises(CouldNotRun) as raised:
        requirements.require("binaries,pgbouncer", "--require")
    assert raised.value.where == "--require"
    assert "apt-get install pgbouncer" in raised.value.remedy


@pytest.mark.usefixtures("installed")
def test_an_older_one_does_not_meet_the_need_of_a_newer_one() -> None:
    assert "needs pgbouncer>=99" in requirements.find_missing("pgbouncer>=99", wire=True)


@pytest.mark.parametrize("word", ["pgbuoncer", "pgbouncers", "pgbouncer>=new", "binaries,x"])
def test_what_nobody_knows_cannot_be_required(word: str) -> None:
    with pytest.raises(CouldNotRun, match="cannot be required"):
        requirements.require(word, "--require")
