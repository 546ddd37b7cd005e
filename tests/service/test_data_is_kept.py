"""What users gave to the service is never lost to a script."""

import asyncio
import os
from pathlib import Path

import httpx
import pytest

from orm_async_tests import db, postgres
from tests.cli.commands import lazy_loading, orm
from tests.processes import pids_of, until
from tests.service.processes import serving

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


async def asked(database: db.Database, *statements: str) -> list[object]:
    """The first value that each statement gives."""
    async with db.connect(database, "tests") as connection:
        return [(await connection.exec_driver_sql(each)).scalar() for each in statements]


def test_users_of_the_services_own_database_survive_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORM_ASYNC_IDLE", "0")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with serving(None) as service:
        answer = httpx.post(f"{service.url}/users", json={"username": "walker"})
        assert answer.status_code == 201
        assert orm("run", "5").returncode == 0  # on the scripts' embedded server
    with serving(None) as service:
        (user,) = httpx.get(f"{service.url}/users").json()["items"]
        assert user["username"] == "walker"
    with db.open_database("embedded", cluster_kind=postgres.SERVICE) as database:
        on = asyncio.run(asked(database, *(f"SHOW {name}" for name in DURABLE)))
    assert on == ["on", "on", "on"]
    until(lambda: not pids_of(tmp_path / "home"))


def test_a_server_that_does_not_start_is_no_reason_to_delete_what_it_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here since the lock file of a server that was killed names a process that lives."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORM_ASYNC_IDLE", "0")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert orm("db", "start", "--service").returncode == 0
    until(lambda: not pids_of(tmp_path / "home"))
    [data] = (tmp_path / "home").glob("service-*/data")
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    done = orm("db", "start", "--service")
    assert done.returncode == 2
    assert "type:  orm-async-tests db log --service" in done.stderr
    assert "reset" not in done.stderr.partition("type:")[2]


def test_a_script_refuses_a_database_of_the_service_and_touches_nothing(
    tables: db.Database,
) -> None:
    counts = "SELECT count(*) FROM users WHERE username = 'kept'"
    asyncio.run(added(tables))
    for done in (lazy_loading(on=tables), orm("run", "1", "5", on=tables)):
        assert done.returncode == 2
        assert str(tables.url.database) in done.stderr
        assert "service.alembic_version" in done.stderr
        assert "  type: " in done.stderr
    assert asyncio.run(asked(tables, counts)) == [1]


async def added(database: db.Database) -> None:
    """A user of the service's."""
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        await connection.exec_driver_sql("INSERT INTO users (username) VALUES ('kept')")
