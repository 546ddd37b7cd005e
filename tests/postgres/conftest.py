"""Clients of an embedded server of their own, in processes of their own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import pids_of, until

IDLE = "1"  # seconds

# Takes a lease, says how it found the server, and holds the lease until its input ends.
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

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server's folder for this test alone."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORM_ASYNC_IDLE", IDLE)
    return tmp_path / "home"


@pytest.fixture
def start(own_home: Path) -> Iterator[Start]:
    """Starts clients, each leading a process group; at the end they and their server are gone."""
    clients = []

    def client() -> "subprocess.Popen[str]":
        started = subprocess.Popen(
            [sys.executable, "-c", CLIENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        clients.append(started)
        return started

    yield client
    for each in clients:
        each.kill()
        each.communicate()
    until(lambda: not pids_of(own_home))
