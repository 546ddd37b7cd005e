"""The embedded server is there for whoever holds a lease, and for nobody else."""

import os
import signal
from pathlib import Path
from subprocess import Popen

import pytest

from orm_async_tests import postgres
from orm_async_tests.errors import CouldNotRun
from tests.postgres.conftest import Start
from tests.processes import pids_of, until


def found(client: "Popen[str]") -> str:
    """How the client found the server, once it has its lease."""
    assert client.stdout is not None
    line = client.stdout.readline()
    assert line, client.communicate()[1]
    return line.split()[0]


def test_four_first_users_at_once_share_one_server(start: Start, own_home: Path) -> None:
    clients = [start() for _ in range(4)]

    assert sorted(map(found, clients)) == ["initialized", "warm", "warm", "warm"]
    assert pids_of(own_home).keys() == {"postgres", "supervisor"}


def test_the_server_outlives_a_killed_client_and_stops_when_idle(
    start: Start, own_home: Path
) -> None:
    first, second = start(), start()
    assert {found(first), found(second)} == {"initialized", "warm"}

    first.kill()
    first.wait()
    second.kill()
    second.wait()

    until(lambda: not pids_of(own_home))


def test_a_killed_postmaster_is_replaced(start: Start, own_home: Path) -> None:
    found(start())
    os.kill(pids_of(own_home)["postgres"], signal.SIGKILL)

    assert found(start()) == "started"


def test_a_killed_keeper_takes_the_server_with_it_and_both_are_replaced(
    start: Start, own_home: Path
) -> None:
    found(start())
    before = pids_of(own_home)
    os.kill(before["supervisor"], signal.SIGKILL)

    assert found(start()) == "started"
    assert pids_of(own_home)["postgres"] != before["postgres"]


def test_control_c_in_a_client_leaves_the_server_to_the_others(
    start: Start, own_home: Path
) -> None:
    first, second = start(), start()
    assert {found(first), found(second)} == {"initialized", "warm"}
    before = pids_of(own_home)

    os.killpg(first.pid, signal.SIGINT)
    first.wait()

    assert found(start()) == "warm"
    assert pids_of(own_home) == before


def test_a_killed_first_use_leaves_nothing_that_the_next_one_stumbles_over(start: Start) -> None:
    first = start()
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()

    assert found(start()) == "initialized"


def test_stop_and_reset_refuse_while_somebody_holds_a_lease(start: Start) -> None:
    found(start())

    with pytest.raises(CouldNotRun):
        postgres.stop()
    with pytest.raises(CouldNotRun):
        postgres.reset()


def test_an_idle_time_of_zero_stops_the_server_with_its_last_lease(
    start: Start, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_IDLE", "0")
    assert found(start()) == "initialized"
    assert found(start()) == "warm"


def test_stop_ends_a_server_that_nobody_uses(own_home: Path) -> None:
    with postgres.lease():
        pass

    assert postgres.stop()
    until(lambda: not pids_of(own_home))
    assert not postgres.stop()


def test_reset_deletes_the_data(own_home: Path) -> None:
    with postgres.lease() as leased:
        secret = leased.password
    postgres.reset()

    with postgres.lease() as leased:
        assert leased.launch == "initialized"
        assert leased.password != secret
    postgres.stop()


@pytest.mark.parametrize("idle", ["soon", "-1", "inf", "nan"])
def test_an_idle_time_that_is_no_number_of_seconds_is_refused(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, idle: str
) -> None:
    monkeypatch.setenv("ORM_ASYNC_IDLE", idle)

    with pytest.raises(CouldNotRun), postgres.lease():
        pass
