"""Fixtures for embedded servers, and for clients in other processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orm_async_tests import postgres
from tests.processes import pids_of, until

IDLE = "1"  # seconds

# Takes a lease, prints how the server was launched, and holds the lease until its input ends.
CLIENT = """
import sys
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import lease
try:
    with lease() as server:
        print(server.launch, server.socket_directory, flush=True)
        sys.stdin.read()
except CouldNotRun as error:
    sys.exit(str(error))
"""


def run_and_kill(program: str) -> Path:
    """Start a Python program that owns a server, kill it, and return the server's folder.

    The program prints the folder, and runs until its input ends.
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    folder = Path(owner.stdout.readline().strip())
    assert pids_of(folder)
    owner.kill()
    owner.communicate()
    return folder


Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for an embedded server, which does not exist yet and is stopped at the end."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORM_ASYNC_IDLE", IDLE)
    yield tmp_path / "home"
    until(lambda: not pids_of(tmp_path / "home"))


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a created cluster, for all tests of this worker."""
    home = tmp_path_factory.mktemp("private") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORM_ASYNC_HOME", str(home))
        with postgres.lease():
            pass
        postgres.stop()
    return home


@pytest.fixture
def private_home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a cluster that only one test uses. Its server is stopped at the end."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(shared_home))
    monkeypatch.setenv("ORM_ASYNC_IDLE", IDLE)
    yield shared_home
    postgres.stop()
    until(lambda: not pids_of(shared_home))


@pytest.fixture
def start() -> Iterator[Start]:
    """Start clients in separate process groups, and kill the clients at the end.

    Use this fixture after the fixture of the server's folder, so that the clients end first.
    """
    clients: list[subprocess.Popen[str]] = []

    def start_client() -> "subprocess.Popen[str]":
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        clients.append(client)
        return client

    yield start_client
    for client in clients:
        client.kill()
        client.communicate()
