"""A hot standby replays its primary, can be paused and promoted, and ends with its process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import (
    PrivateServer,
    Standby,
    hot_standby,
    private_server,
    read_output,
    start_client,
)
from orm_async_tests.postgres.cluster import DATABASE
from tests.processes import pids_of, until

Pair = tuple[PrivateServer, Standby]

OWNER = """
import sys
from orm_async_tests.postgres import hot_standby, private_server
with private_server() as primary, hot_standby(primary) as standby:
    print(primary.folder, standby.folder, sep="\\n", flush=True)
    sys.stdin.read()
"""


@contextmanager
def start_pair() -> Iterator[Pair]:
    with private_server(synchronous_commit="local") as primary, hot_standby(primary) as standby:
        yield primary, standby


@pytest.fixture(scope="module")
def pair(home: Path) -> Iterator[Pair]:
    """A primary and its standby for all tests of this module. Tests undo their changes."""
    with start_pair() as pair:
        yield pair


@pytest.fixture
def table(pair: Pair, request: pytest.FixtureRequest) -> str:
    """The name of a table for this test, with a column n, on both servers."""
    run_sql(pair[0], f"CREATE TABLE {request.node.name} (n int)")
    pair[1].catch_up()
    return str(request.node.name)


def run_sql(server: PrivateServer, sql: str) -> str:
    """Return psql's output for a statement."""
    return read_output(start_client(server.login, "psql", "-XAtq", "-c", sql, DATABASE)).strip()


def test_its_primary_lists_a_standby_which_refuses_to_write(pair: Pair, table: str) -> None:
    primary, standby = pair
    until(lambda: run_sql(primary, "SELECT state FROM pg_stat_replication") == "streaming")
    assert run_sql(standby, "SHOW listen_addresses") == ""
    with pytest.raises(CouldNotRun, match="read-only"):
        run_sql(standby, f"INSERT INTO {table} VALUES (1)")


def test_committed_rows_are_there_when_the_standby_has_caught_up(pair: Pair, table: str) -> None:
    primary, standby = pair
    for number in range(1, 4):
        run_sql(primary, f"INSERT INTO {table} VALUES ({number})")
        standby.catch_up()
        assert run_sql(standby, f"SELECT max(n) FROM {table}") == str(number)


def test_a_standby_at_rest_has_caught_up_even_after_a_switch_of_files(pair: Pair) -> None:
    primary, standby = pair
    run_sql(primary, "SELECT pg_switch_wal()")
    standby.catch_up()


def test_a_paused_standby_shows_nothing_new_until_it_resumes(pair: Pair, table: str) -> None:
    primary, standby = pair
    standby.pause()
    run_sql(primary, f"INSERT INTO {table} VALUES (1)")
    assert run_sql(standby, f"SELECT count(*) FROM {table}") == "0"
    standby.resume()
    standby.catch_up()
    assert run_sql(standby, f"SELECT count(*) FROM {table}") == "1"


def test_a_standby_with_a_delay_receives_rows_but_does_not_show_them(
    pair: Pair, table: str
) -> None:
    primary, standby = pair
    standby.stop()
    standby.start(recovery_min_apply_delay="1h")
    run_sql(primary, f"INSERT INTO {table} VALUES (1)")
    written = run_sql(primary, "SELECT pg_current_wal_lsn()")
    received = f"SELECT pg_last_wal_receive_lsn() >= '{written}'"
    until(lambda: run_sql(standby, received) == "t")
    assert run_sql(standby, f"SELECT count(*) FROM {table}") == "0"
    standby.stop()
    standby.start()


@pytest.mark.thorough
def test_a_promoted_standby_has_the_rows_it_replayed_and_accepts_more(home: Path) -> None:
    with start_pair() as (primary, standby):
        run_sql(primary, "CREATE TABLE t AS SELECT 1 AS n")
        standby.catch_up()
        primary.kill()
        standby.promote()
        count = run_sql(standby, "INSERT INTO t VALUES (2) RETURNING (SELECT count(*) FROM t)")
        assert count == "1"


def test_variables_of_libpq_do_not_lead_a_client_to_another_server(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGPORT", "PGSERVICE", "PGOPTIONS"):
        monkeypatch.setenv(name, "1")
    assert run_sql(pair[1], "SELECT pg_is_in_recovery()") == "t"


@pytest.mark.thorough
def test_both_servers_end_with_their_owner_however_that_dies(home: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    folders = [Path(owner.stdout.readline().strip()) for _ in range(2)]
    assert all(map(pids_of, folders))

    owner.kill()
    owner.communicate()

    until(lambda: not any(map(pids_of, folders)))
    assert not any(folder.exists() for folder in folders)


def test_a_missing_pg_basebackup_is_an_error_that_says_what_to_install(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = pair[0].login
    for name in ("postgres", "initdb"):
        (tmp_path / name).touch()
    monkeypatch.setenv("ORM_ASYNC_PG_BIN", str(tmp_path))
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(CouldNotRun) as refusal:
        start_client(login, "pg_basebackup")
    assert refusal.value.problem == "there is no pg_basebackup"
    assert "apt-get install postgresql" in refusal.value.remedy
