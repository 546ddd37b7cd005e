"""No script deletes the service's data."""

import os
from pathlib import Path

import httpx
import pytest

from orm_async_tests import db, postgres
from orm_async_tests.errors import CouldNotRun
from tests.cli.commands import lazy_loading, orm
from tests.conftest import execute
from tests.processes import pids_of, until
from tests.service.service_process import run_service

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


@pytest.mark.thorough
def test_users_in_the_services_own_database_survive_a_script(own_home: Path) -> None:
    with run_service(None) as service:
        response = httpx.post(f"{service.url}/users", json={"username": "walker"})
        assert response.status_code == 201
        assert orm("run", "5").returncode == 0  # on the scripts' embedded server
    with run_service(None) as service:
        (user,) = httpx.get(f"{service.url}/users").json()["items"]
        assert user["username"] == "walker"
    with db.open_database("embedded", "asyncpg", postgres.SERVICE) as database:
        values = execute(database, *(f"SHOW {name}" for name in DURABLE))
    assert values == ["on", "on", "on"]
    until(lambda: not pids_of(own_home))


@pytest.mark.thorough  # the supervisor retries for five seconds
def test_a_server_that_does_not_start_is_not_to_be_reset(own_home: Path) -> None:
    with postgres.lease(postgres.SERVICE):
        pass
    until(lambda: not pids_of(own_home))
    [data] = own_home.glob("service-*/data")
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n")  # the PID of a false server
    with pytest.raises(CouldNotRun) as refused, postgres.lease(postgres.SERVICE):
        pass
    assert refused.value.remedy.startswith("run orm-async-tests db log --service")
    assert "reset" not in refused.value.remedy


def test_a_script_refuses_a_database_of_the_service_and_changes_nothing(
    tables: db.Database,
) -> None:
    execute(tables, "INSERT INTO users (username) VALUES ('kept')")
    for run in (lazy_loading(on=tables), orm("run", "1", "5", on=tables)):
        assert run.returncode == 2
        assert str(tables.url.database) in run.stderr
        assert "service.alembic_version" in run.stderr
        assert "  fix: " in run.stderr
    count = "SELECT count(*) FROM users WHERE username = 'kept'"
    assert execute(tables, count) == [1]
