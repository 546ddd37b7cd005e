"""A private server can be frozen, killed and restarted without effect on other servers."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orm_async_tests import db, urls
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import PrivateServer, private_server
from tests.postgres.conftest import run_and_kill
from tests.processes import pids_of, until

OWNER = """
import sys
from orm_async_tests.postgres import private_server
with private_server() as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""
SETTING = "max_prepared_transactions"


def state(pid: int) -> str:
    """Return the kernel's letter for the state of a process. Works only on Linux."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def show(setting: str, url: str) -> str:
    """Return the value of a setting on the server."""
    database = db.Database(urls.parse_url(url, "--db"), "url", "private")
    async with db.connect(database, "tests") as connection:
        return str((await connection.exec_driver_sql(f"SHOW {setting}")).scalar_one())


@pytest.fixture(scope="module")
def running_server(home: Path) -> Iterator[PrivateServer]:
    """A private server for all tests of this module."""
    with private_server() as server:
        yield server


@pytest.fixture
def server(running_server: PrivateServer) -> Iterator[PrivateServer]:
    """The private server, which the fixture starts again if a test has stopped it."""
    yield running_server
    running_server.stop()
    running_server.start()


def test_a_private_server_restarts_with_other_settings(server: PrivateServer) -> None:
    url = db.socket_url(server.login).render_as_string(hide_password=False)
    server.stop()
    server.start(**{SETTING: "7"})
    assert asyncio.run(show(SETTING, url)) == "7"
    server.kill()
    server.start()
    assert asyncio.run(show(SETTING, url)) == "0"


@pytest.mark.parametrize(
    ("python", "setting", "problem"),
    [
        ("/bin/false", SETTING, "the supervisor ended with exit code 1"),
        ("/no/such/python", SETTING, "no such file"),
        pytest.param(
            sys.executable, "no_such_setting", "unrecognized", marks=pytest.mark.thorough
        ),  # the supervisor tries this for five seconds
    ],
)
def test_a_server_that_does_not_start_is_an_error_and_leaves_no_descriptor_open(
    server: PrivateServer,
    monkeypatch: pytest.MonkeyPatch,
    python: str,
    setting: str,
    problem: str,
) -> None:
    server.stop()
    before = len(list(Path("/dev/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", python)
        with pytest.raises(CouldNotRun) as refusal:
            server.start(**{setting: "7"})
    assert problem in refusal.value.problem
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_process_is_frozen_until_it_is_thawed_or_the_server_stops(
    server: PrivateServer,
) -> None:
    sockets = server.login.socket_directory
    postmaster = int((sockets / "postmaster.pid").read_text().split()[0])
    server.freeze(postmaster)
    until(lambda: state(postmaster) == "T")
    server.thaw()
    until(lambda: state(postmaster) != "T")
    server.freeze(postmaster)
    server.stop()
    assert not pids_of(sockets)


def test_private_servers_are_separate_and_leave_no_files(running_server: PrivateServer) -> None:
    with private_server() as server:
        assert server.login.socket_directory != running_server.login.socket_directory
        assert server.login.password != running_server.login.password
    assert not pids_of(server.folder)
    assert not server.folder.exists()


def test_a_private_server_ends_with_its_owner_however_that_dies(home: Path) -> None:
    folder = run_and_kill(OWNER)
    until(lambda: not pids_of(folder))
    assert not folder.exists()
