"""The embedded server runs while a process uses it, and stops afterwards."""

import os
import re
import signal
import time
from pathlib import Path
from subprocess import Popen

import pytest

from orm_async_tests import postgres
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import supervisor
from orm_async_tests.postgres.cluster import DATABASE
from tests.postgres.conftest import Start
from tests.processes import pids_of, until


def launch_of(client: "Popen[str]") -> str:
    """Wait until a client has a lease, and return how the client's server was started."""
    assert client.stdout is not None
    line = client.stdout.readline()
    assert line, client.communicate()[1]
    return line.split()[0]


def kill(home: Path, program: str) -> int:
    """Kill the server or its supervisor, wait until the process has ended, and return its PID."""
    pid = pids_of(home)[program]
    os.kill(pid, signal.SIGKILL)
    until(lambda: pids_of(home).get(program) != pid)
    return pid


def lease_file(home: Path) -> Path:
    (path,) = home.glob("pg*/lease")
    return path


def test_four_first_users_at_once_share_one_server(empty_home: Path, start: Start) -> None:
    clients = [start() for _ in range(4)]

    assert sorted(map(launch_of, clients)) == ["initialized", "warm", "warm", "warm"]
    assert pids_of(empty_home).keys() == {"postgres", "supervisor"}


@pytest.mark.thorough
def test_a_first_user_who_is_killed_leaves_nothing_in_the_way(
    empty_home: Path, start: Start
) -> None:
    first = start()
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()

    assert launch_of(start()) == "initialized"


def test_the_server_outlives_a_killed_client_and_stops_when_idle(
    private_home: Path, start: Start
) -> None:
    first, second = start(), start()
    assert {launch_of(first), launch_of(second)} == {"started", "warm"}

    first.kill()
    first.wait()
    assert pids_of(private_home).keys() == {"postgres", "supervisor"}
    second.kill()
    second.wait()

    until(lambda: not pids_of(private_home))


def test_a_killed_postmaster_is_replaced(private_home: Path) -> None:
    with postgres.lease():
        kill(private_home, "postgres")

        with postgres.lease() as server:
            assert server.launch == "started"


def test_a_killed_supervisor_takes_the_server_with_it_and_both_are_replaced(
    private_home: Path,
) -> None:
    with postgres.lease():
        before = pids_of(private_home)["postgres"]
        kill(private_home, "supervisor")

        with postgres.lease() as server:
            assert server.launch == "started"
            assert pids_of(private_home)["postgres"] != before


def test_control_c_in_a_client_leaves_the_server_to_the_others(
    private_home: Path, start: Start
) -> None:
    client = start()
    with postgres.lease():
        launch_of(client)
        before = pids_of(private_home)

        os.killpg(client.pid, signal.SIGINT)
        client.wait()

        with postgres.lease() as server:
            assert server.launch == "warm"
        assert pids_of(private_home) == before


def test_stop_and_reset_refuse_while_somebody_holds_a_lease(
    private_home: Path, start: Start
) -> None:
    with postgres.lease():
        with pytest.raises(CouldNotRun):
            postgres.stop()
        with pytest.raises(CouldNotRun):
            postgres.stop(reset=True)


def test_an_idle_time_of_zero_stops_the_server_with_its_last_lease(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_IDLE", "0")
    with postgres.lease() as server:
        assert server.launch == "started"
        with postgres.lease() as server:
            assert server.launch == "warm"

    until(lambda: not pids_of(private_home))


def test_stop_ends_a_server_that_nobody_uses(private_home: Path) -> None:
    with postgres.lease(keep_for=3600):
        pass

    assert postgres.stop()
    until(lambda: not pids_of(private_home))
    assert not postgres.stop()


@pytest.mark.thorough
def test_reset_deletes_the_data(empty_home: Path) -> None:
    with postgres.lease() as first:
        pass
    postgres.stop(reset=True)
    assert not list(empty_home.glob("pg*/data"))
    assert not list(empty_home.glob("pg*/secret"))

    with postgres.lease() as second:
        assert second.launch == "initialized"
        assert second.password != first.password
    postgres.stop()


@pytest.mark.parametrize("idle", ["soon", "-1", "inf", "nan"])
def test_an_idle_time_that_is_no_number_of_seconds_is_refused(
    private_home: Path, monkeypatch: pytest.MonkeyPatch, idle: str
) -> None:
    monkeypatch.setenv("ORM_ASYNC_IDLE", idle)

    with pytest.raises(CouldNotRun), postgres.lease():
        pass


def test_an_open_connection_keeps_the_server_until_it_is_closed(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_IDLE", "0")
    with postgres.lease() as server:
        queries = ("-c", "SELECT 1", "-c", "SELECT pg_sleep(1), 2")
        client = postgres.start_client(server, "psql", "-XAtd", DATABASE, *queries)
        assert client.stdout is not None
        assert client.stdout.readline() == "1\n"  # it is connected

    # The supervisor looks ten times in the second in which there is a client but no lease.
    assert postgres.read_output(client).strip() == "|2"
    until(lambda: not pids_of(private_home))


def test_ps_shows_connections_where_there_is_no_table_of_sockets(private_home: Path) -> None:
    with postgres.lease() as server:
        (pid,) = [pid for name, pid in pids_of(private_home).items() if name == "postgres"]
        until(lambda: not supervisor.has_local_backends(pid))  # the lease has probed the socket
        query = ("-c", "SELECT pg_sleep(60)")
        client = postgres.start_client(server, "psql", "-Xd", DATABASE, *query)
        until(lambda: supervisor.has_local_backends(pid))
        client.kill()
        client.communicate()


def test_any_command_renews_the_idle_time_even_if_it_ends_between_two_looks(
    private_home: Path,
) -> None:
    with postgres.lease():
        before = lease_file(private_home).stat().st_mtime_ns
        with postgres.lease():
            inside = lease_file(private_home).stat().st_mtime_ns
        assert before < inside < lease_file(private_home).stat().st_mtime_ns

    timer = supervisor.IdleTimer(60.0, now=0.0, renewal=1)
    assert not timer.has_expired(59.9, renewal=2, is_used=False)
    assert not timer.has_expired(119.8, renewal=2, is_used=False)
    assert timer.has_expired(120.0, renewal=2, is_used=False)


def test_use_of_any_kind_restarts_the_idle_time() -> None:
    timer = supervisor.IdleTimer(60.0, now=0.0, renewal=1)
    assert not timer.has_expired(100.0, renewal=1, is_used=True)
    assert not timer.has_expired(159.9, renewal=1, is_used=False)
    assert timer.has_expired(160.0, renewal=1, is_used=False)


def test_a_server_is_kept_as_long_as_was_asked_and_says_so(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_IDLE", "0")
    with postgres.lease(keep_for=3600):
        pass
    with postgres.lease(keep_for=60):
        pass
    stop_time = re.search(r"at (\S+ \S+) at the earliest", postgres.describe_stop())
    assert stop_time is not None
    seconds = time.mktime(time.strptime(stop_time[1], "%Y-%m-%d %H:%M:%S")) - time.time()
    assert 3600 - 120 < seconds <= 3600

    with postgres.lease() as server:
        assert server.launch == "warm"
