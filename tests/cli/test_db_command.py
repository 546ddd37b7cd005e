"""The commands orm-async-tests db and doctor."""

import os
from pathlib import Path

import pytest

from orm_async_tests import db
from orm_async_tests.cli.embedded_server import read_duration
from orm_async_tests.errors import CouldNotRun
from tests.cli.commands import orm
from tests.processes import pids_of, until

NOWHERE = {"DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/x"}


@pytest.fixture
def empty_home(tmp_path: Path) -> dict[str, str]:
    """Environment variables for an embedded server that does not exist yet."""
    return {"ORM_ASYNC_HOME": str(tmp_path / "home"), "ORM_ASYNC_IDLE": "15"}


def test_a_server_is_started_shown_stopped_and_reset(empty_home: dict[str, str]) -> None:
    assert "state: stopped" in orm("db", "status", env=empty_home).stdout
    assert orm("db", "log", env=empty_home).returncode == 2
    start = orm("db", "start", "--for", "1h", env=empty_home).stdout
    assert "initialized; it stops 15 s after the last command or connection has ended" in start
    url = orm("db", "url", env=empty_home)
    assert len(url.stdout.splitlines()) == 1
    stop_time = start.rpartition(", ")[2].strip()
    assert stop_time in url.stderr
    status = orm("db", "status", env=empty_home).stdout
    assert "state: running" in status
    assert stop_time in status
    assert "answers: PostgreSQL" in status
    assert "migrations: empty" in status
    assert orm("db", "log", env=empty_home).returncode == 0
    assert orm("db", "stop", env=empty_home).returncode == 0
    assert orm("db", "reset", env=empty_home).returncode == 0
    until(lambda: not pids_of(Path(empty_home["ORM_ASYNC_HOME"])))


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


def test_url_hides_the_password_unless_an_option_shows_it(database: db.Database) -> None:
    secret = str(database.url.password)
    assert secret not in orm("db", "url", on=database).stdout
    assert secret in orm("db", "url", "--password", on=database).stdout


@pytest.mark.parametrize("action", ["url", "status", "psql"])
def test_service_beside_another_database_is_refused(action: str, database: db.Database) -> None:
    done = orm("db", action, "--service", on=database)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("--service has no effect, because DATABASE_URL names another")


def test_psql_runs_on_the_database(
    database: db.Database, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["-At", "-c", "SELECT 6 * 7"]
    orm("db", "psql", "--", *options, on=database)
    orm("db", "psql", "--", *options)
    assert capfd.readouterr().out == "42\n42\n"
    assert orm("db", "psql", "--", "-c", "nonsense", on=database).returncode != 0


@pytest.mark.parametrize("action", ["start", "stop", "reset", "log"])
def test_only_the_embedded_server_is_started_stopped_or_reset(action: str) -> None:
    run = orm("db", action, env=NOWHERE)
    assert (run.returncode, run.stdout) == (2, "")


def test_status_of_an_unreachable_database_exits_with_2() -> None:
    run = orm("db", "status", env=NOWHERE)
    assert run.returncode == 2
    assert "secret" not in run.stdout + run.stderr


def test_doctor_passes_here(database: db.Database) -> None:
    run = orm("doctor", on=database)
    assert run.returncode == 0, run.stdout
    assert {line.split()[0] for line in run.stdout.splitlines()} == {"ok"}


def test_doctor_reports_a_revision_without_its_tables(empty_database: db.Database) -> None:
    orm("db", "alembic", "stamp", "head", on=empty_database)
    stamped = orm("doctor", on=empty_database)
    assert stamped.returncode == 2
    assert "the database has a revision, but not its tables" in stamped.stdout
    for words in (("stamp", "base"), ("upgrade", "head")):  # the remedy
        orm("db", "alembic", *words, on=empty_database)
    assert orm("doctor", on=empty_database).returncode == 0


def test_doctor_names_the_problem_and_the_remedy() -> None:
    run = orm("doctor", env=NOWHERE)
    assert run.returncode == 2
    assert "problem  database" in run.stdout
    assert "fix:" in run.stdout


def test_missing_binaries_are_refused(empty_home: dict[str, str], tmp_path: Path) -> None:
    for value in (str(tmp_path), "system"):
        path = {"PATH": str(tmp_path)} if value == "system" else {"PATH": os.environ["PATH"]}
        run = orm("db", "start", env={"ORM_ASYNC_PG_BIN": value, **empty_home, **path})
        assert (run.returncode, run.stdout) == (2, "")


def test_an_option_of_psql_replaces_one_parameter_and_keeps_the_others(
    database: db.Database, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["-d", "postgres", "-Atc", "SELECT current_database()"]
    orm("db", "psql", "--", *options, on=database)
    assert capfd.readouterr().out == "postgres\n"
