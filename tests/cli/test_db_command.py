"""orm-async-tests db and doctor."""

import os
from pathlib import Path

import pytest

from orm_async_tests import db
from orm_async_tests.cli.database import read_duration
from orm_async_tests.errors import CouldNotRun
from tests.cli.commands import orm, orm_process
from tests.processes import pids_of, until

NOWHERE = {"DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/x"}


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """Variables of a server of this test's own."""
    return {"ORM_ASYNC_HOME": str(tmp_path / "home"), "ORM_ASYNC_IDLE": "15"}


def test_a_server_is_started_shown_stopped_and_reset(own: dict[str, str]) -> None:
    assert "stopped" in orm("db", "status", env=own).stdout
    assert orm("db", "log", env=own).returncode == 2
    start = orm("db", "start", "--for", "1h", env=own).stdout
    assert "initialized; it stops 15 s after the last command or connection has ended" in start
    url = orm("db", "url", env=own)
    assert len(url.stdout.splitlines()) == 1
    assert start.rpartition("at ")[0].rpartition("at ")[2] in url.stderr  # the same time
    status = orm("db", "status", env=own).stdout
    assert "running" in status
    assert "answers: PostgreSQL" in status
    assert "migrations: empty" in status
    assert orm("db", "log", env=own).returncode == 0
    assert orm("db", "stop", env=own).returncode == 0
    assert orm("db", "reset", env=own).returncode == 0
    until(lambda: not pids_of(Path(own["ORM_ASYNC_HOME"])))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("1h30m", 5400), ("45s", 45), ("1d1h1m1s", 90_061), ("30d", 2_592_000)],
)
def test_a_time_to_keep_the_server_has_units(text: str, seconds: int) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "2", "h", "0s", "-1h", "2h 3m", "1m2h", "31d", "9" * 30 + "d", "٢h"]
)
def test_a_time_to_keep_the_server_without_meaning_is_refused(text: str) -> None:
    with pytest.raises(CouldNotRun) as refusal:
        read_duration(text)
    assert refusal.value.where == "--for"


def test_url_hides_the_password_until_it_is_asked_for(database: db.Database) -> None:
    secret = str(database.url.password)
    assert secret not in orm("db", "url", on=database).stdout
    assert secret in orm("db", "url", "--password", on=database).stdout


def test_psql_runs_on_the_database(database: db.Database) -> None:
    asked = ["-At", "-c", "SELECT 6 * 7"]
    assert orm_process("db", "psql", "--", *asked, on=database).stdout == "42\n"
    assert orm_process("db", "psql", "--", *asked).stdout == "42\n"
    assert orm_process("db", "psql", "--", "-c", "nonsense", on=database).returncode != 0


@pytest.mark.parametrize("action", ["start", "stop", "reset", "log"])
def test_the_life_of_somebody_elses_server_is_not_ours(action: str) -> None:
    done = orm("db", action, env=NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")


def test_status_of_an_unreachable_database_exits_with_2() -> None:
    done = orm("db", "status", env=NOWHERE)
    assert done.returncode == 2
    assert "secret" not in done.stdout + done.stderr


def test_doctor_passes_here(database: db.Database) -> None:
    done = orm("doctor", on=database)
    assert done.returncode == 0, done.stdout
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"ok"}


def test_doctor_says_what_is_wrong_and_what_to_type() -> None:
    done = orm("doctor", env=NOWHERE)
    assert done.returncode == 2
    assert "problem  database" in done.stdout
    assert "type:" in done.stdout


def test_binaries_that_are_not_there_are_named(own: dict[str, str], tmp_path: Path) -> None:
    for named in (str(tmp_path), "system"):
        path = {"PATH": str(tmp_path)} if named == "system" else {"PATH": os.environ["PATH"]}
        done = orm("db", "start", env={"ORM_ASYNC_PG_BIN": named, **own, **path})
        assert (done.returncode, done.stdout) == (2, "")


def test_an_option_of_psql_replaces_one_parameter_and_keeps_the_others(
    database: db.Database,
) -> None:
    options = ["-d", "postgres", "-Atc", "SELECT current_database()"]
    assert orm_process("db", "psql", "--", *options, on=database).stdout == "postgres\n"
