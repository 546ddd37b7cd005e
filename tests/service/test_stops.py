"""The service exits by itself when it is asked to."""

import signal
import time

import httpx
import pytest

from orm_async_tests import db
from tests.service.service_process import run_service, start_service


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


@pytest.mark.parametrize(
    "after", [0.0, *(pytest.param(s, marks=pytest.mark.thorough) for s in (0.05, 0.2, 0.5, 1.0))]
)
def test_it_can_be_stopped_while_it_starts(tables: db.Database, after: float) -> None:
    """No order is waited for: the moment is what is tried, and the service must bear each."""
    with start_service(tables.url) as service:
        time.sleep(after)
        service.stop()
