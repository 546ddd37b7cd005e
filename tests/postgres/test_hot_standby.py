"""A hot standby follows its primary, is held back, promoted and killed, and ends with its owner."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import (
    PrivateServer,
    Standby,
    hot_standby,
    private_server,
    read_output,
    start_client,
)
from tests.processes import pids_of, until

Pair = tuple[PrivateServer, Standby]

OWNER = """
import sys
from orm_async_tests.postgres import hot_standby, private_server
with private_server() as primary, hot_standby(primary) as standby:
    print(primary.login.socket_directory, standby.login.socket_directory, sep="\\n", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def pair(home: Path) -> Iterator[Pair]:
    """A primary that has a table t, and its standby."""
    with private_server(synchronous_commit="local") as primary:
        asked(primary, "CREATE TABLE t (n int)")
        with hot_standby(primary) as standby:
            yield primary, standby


def asked(server: PrivateServer, sql: str) -> str:
    """What psql prints for a statement."""
    return read_output(start_client(server.login, "psql", "-XAtq", "-c", sql, db.NAME)).strip()


def test_a_standby_is_seen_by_its_primary_and_refuses_to_write(pair: Pair) -> None:
    primary, standby = pair
    until(lambda: asked(primary, "SELECT state FROM pg_stat_replication") == "streaming")
    assert asked(standby, "SHOW listen_addresses") == ""
    with pytest.raises(CouldNotRun, match="read-only"):
        asked(standby, "INSERT INTO t VALUES (1)")


def test_what_is_committed_is_there_when_the_standby_has_caught_up(pair: Pair) -> None:
    primary, standby = pair
    for number in range(1, 4):
        asked(primary, f"INSERT INTO t VALUES ({number})")
        standby.catch_up()
        assert asked(standby, "SELECT max(n) FROM t") == str(number)


def test_a_standby_at_rest_has_caught_up_though_the_primary_began_a_new_file(pair: Pair) -> None:
    primary, standby = pair
    asked(primary, "SELECT pg_switch_wal()")
    standby.catch_up()


def test_nothing_is_seen_on_a_paused_standby_until_it_goes_on(pair: Pair) -> None:
    primary, standby = pair
    standby.pause()
    asked(primary, "INSERT INTO t VALUES (1)")
    assert asked(standby, "SELECT count(*) FROM t") == "0"
    standby.resume()
    standby.catch_up()
    assert asked(standby, "SELECT count(*) FROM t") == "1"


def test_a_standby_restarts_with_other_settings_and_is_behind(pair: Pair) -> None:
    primary, standby = pair
    standby.stop()
    standby.start(recovery_min_apply_delay="1h")
    asked(primary, "INSERT INTO t VALUES (1)")
    received = "SELECT pg_last_wal_receive_lsn() >= '{}'".format
    written = asked(primary, "SELECT pg_current_wal_lsn()")
    until(lambda: asked(standby, received(written)) == "t")
    assert asked(standby, "SELECT count(*) FROM t") == "0"


def test_a_promoted_standby_has_what_it_replayed_and_writes(pair: Pair) -> None:
    primary, standby = pair
    asked(primary, "INSERT INTO t VALUES (1)")
    standby.catch_up()
    primary.kill()
    standby.promote()
    assert asked(standby, "INSERT INTO t VALUES (2) RETURNING (SELECT count(*) FROM t)") == "1"


def test_a_client_goes_to_its_server_whatever_the_environment_says(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGPORT", "PGSERVICE", "PGOPTIONS"):
        monkeypatch.setenv(name, "1")
    assert asked(pair[1], "SELECT pg_is_in_recovery()") == "t"


def test_both_end_with_their_owner_however_that_dies(home: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    folders = [Path(owner.stdout.readline().strip()) for _ in range(2)]
    assert all(map(pids_of, folders))

    owner.kill()
    owner.communicate()

    until(lambda: not any(map(pids_of, folders)))


def test_without_pg_basebackup_one_is_told_what_to_install(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with private_server() as primary:
        for name in ("postgres", "initdb"):
            (tmp_path / name).touch()
        monkeypatch.setenv("ORM_ASYNC_PG_BIN", str(tmp_path))
        monkeypatch.setenv("PATH", os.devnull)
        with pytest.raises(CouldNotRun) as caught:
            start_client(primary.login, "pg_basebackup")
        monkeypatch.undo()
    assert caught.value.what == "there is no pg_basebackup"
    assert "apt-get install postgresql" in caught.value.remedy
