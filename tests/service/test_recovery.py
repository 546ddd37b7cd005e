"""After a crash, `serve` starts its embedded server again, and no request is half done."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from orm_async_tests import db, postgres
from tests.processes import until
from tests.service.crashes import check_ledger
from tests.service.service_process import run_service
from tests.service.walkers import Ledger, run_walkers

CLIENTS = 8
RESTARTED = "the embedded server had stopped, so the service restarted it"


def read_server_pid(home: Path) -> int | None:
    """Return the PID of the service's server, or None if the server does not run."""
    for pidfile in home.glob("service-*/data/postmaster.pid"):
        with suppress(FileNotFoundError):  # a server that starts has just replaced the file
            lines = pidfile.read_text().splitlines()
            return int(lines[0]) if lines else None
    return None


def is_started_again(home: Path, killed: int) -> bool:
    """Return whether a new server has written its PID."""
    return read_server_pid(home) not in (None, killed)


async def kill_server(home: Path, rounds: int, ledger: Ledger) -> None:
    """Several times, kill the server under load, and wait until it answers a client again."""
    for _ in range(rounds):
        await ledger.wait_for_point()
        pid = read_server_pid(home)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        await asyncio.to_thread(until, partial(is_started_again, home, pid))
        await ledger.wait_for_point()
        print(f"served again after {time.monotonic() - began:.1f} s")


@pytest.mark.parametrize(
    ("rounds", "workers"), [(1, "1"), pytest.param(5, "2", marks=pytest.mark.thorough)]
)
def test_the_service_recovers_from_sigkill_of_its_server(
    own_home: Path, rounds: int, workers: str
) -> None:
    with run_service(None, "--workers", workers) as service:
        kill = partial(kill_server, own_home, rounds)
        ledger = asyncio.run(run_walkers(service.url, CLIENTS, 0.0, kill))
        # The thread that started the server writes the line, perhaps after the first responses.
        until(lambda: service.read_log().count(RESTARTED) >= rounds)
        with db.open_database("embedded", "asyncpg", postgres.SERVICE) as database:
            asyncio.run(check_ledger(ledger, database.url))
        assert service.read_log().count(RESTARTED) == rounds
    assert ledger.lost + ledger.statuses[503] > 0
