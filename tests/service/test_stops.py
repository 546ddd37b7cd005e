"""On a signal, the service exits by itself, whatever its clients do."""

import os
import signal
import time
from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy import text

from orm_async_tests import db, migrations
from tests.conftest import connect, create_database
from tests.processes import until
from tests.service.service_process import run_service, start_service
from tests.service.stalled import add_long_track, stalled
from tests.service.test_lost_connections import LISTENER_PIDS

STALLED = 5  # clients of each kind
CLOSED = "stopped reading"
PIDS = text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'orm_async_tests service%'"
)


@pytest.mark.parametrize(
    ("by", "workers"),
    [
        (signal.SIGINT, "1"),
        pytest.param(signal.SIGTERM, "1", marks=pytest.mark.thorough),
        pytest.param(signal.SIGTERM, "2", marks=pytest.mark.thorough),
        pytest.param(signal.SIGINT, "2", marks=pytest.mark.thorough),
    ],
)
def test_an_open_live_stream_ends_with_the_service(
    tables: db.Database, by: signal.Signals, workers: str
) -> None:
    with run_service(tables.url, "--workers", workers) as service:
        document = {"username": f"{by.name} {workers}"}
        user = httpx.post(f"{service.url}/users", json=document).json()["id"]
        with httpx.stream("GET", f"{service.url}/users/{user}/live", timeout=30) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            service.stop(by)
            assert not any(lines)  # the response was ended, and not cut


def test_clients_that_stall_do_not_delay_the_end(tables: db.Database) -> None:
    with run_service(tables.url) as service, ExitStack() as stack:
        url = httpx.URL(service.url)
        user = httpx.post(f"{url}/users", json={"username": "walker"}).json()["id"]
        add_long_track(tables, user)
        for kind in ("live", "track.ndjson"):
            stack.enter_context(stalled(url, user, kind, STALLED))
        uploads = stack.enter_context(stalled(url, user, "ndjson", STALLED))
        service.stop()
        assert service.read_log().count(CLOSED) >= STALLED  # a live stream may still have ended
        for upload in uploads:
            assert b"HTTP/1.1 503 " in upload.makefile("rb").read()


def test_a_server_that_hangs_does_not_delay_the_end(home: object) -> None:
    with ExitStack() as stack:
        database = stack.enter_context(create_database(*migrations.HISTORIES.values()))
        connection = stack.enter_context(connect(database))
        service = stack.enter_context(run_service(database.url))
        until(lambda: connection.scalars(text(LISTENER_PIDS)).all())
        for pid in connection.scalars(PIDS).all():
            stack.callback(os.kill, pid, signal.SIGCONT)
            os.kill(pid, signal.SIGSTOP)
        service.stop()


@pytest.mark.parametrize(
    "after", [0.0, *(pytest.param(s, marks=pytest.mark.thorough) for s in (0.05, 0.2, 0.5, 1.0))]
)
def test_it_can_be_stopped_while_it_starts(tables: db.Database, after: float) -> None:
    """Stop the service at different moments, without waiting for a state of the service."""
    with start_service(tables.url) as service:
        time.sleep(after)
        service.stop()
