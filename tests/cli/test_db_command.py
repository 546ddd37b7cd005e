"""orm-async-tests db and doctor."""

import os
from pathlib import Path

import pytest

from orm_async_tests import db
from tests.cli.commands import orm
from tests.processes import pids_of, until

NOWHERE = {"DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/x"}


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """Variables of a server of this test's own."""
    return {"ORM_ASYNC_HOME": str(tmp_path / "home"), "ORM_ASYNC_IDLE": "15"}


def test_a_server_is_started_shown_stopped_and_reset(own: dict[str, str]) -> None:
    assert "stopped" in orm("db", "status", env=own).stdout
    assert orm("db", "log", env=own).returncode == 2
    assert "initialized" in orm("db", "start", env=own).stdout
    status = orm("db", "status", env=own).stdout
    assert "running" in status
    assert "answers: PostgreSQL" in status
    assert "migrations: empty" in status
    assert orm("db", "log", env=own).returncode == 0
    assert orm("db", "stop", env=own).returncode == 0
    assert orm("db", "reset", env=own).returncode == 0
    until(lambda: not pids_of(Path(own["ORM_ASYNC_HOME"])))


def test_url_hides_the_password_until_it_is_asked_for(database: db.Database) -> None:
    secret = str(database.url.password)
    assert secret not in orm("db", "url", on=database).stdout
    assert secret in orm("db", "url", "--password", on=database).stdout


def test_psql_runs_on_the_database(database: db.Database) -> None:
    asked = ["-At", "-c", "SELECT 6 * 7"]
    assert orm("db", "psql", "--", *asked, on=database).stdout == "42\n"
    assert orm("db", "psql", "--", *asked).stdout == "42\n"
    assert orm("db", "psql", "--", "-c", "nonsense", on=database).returncode != 0


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
    assert orm("db", "psql", "--", *options, on=database).stdout == "postgres\n"
