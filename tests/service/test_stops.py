"""The service ends soon after it is told to, whatever it is doing, and without a traceback."""

import signal
import time

import httpx
import pytest

from orm_async_tests import db
from tests.service.processes import serving, started


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_open_live_stream_ends_with_the_service(
    tables: db.Database, by: signal.Signals, workers: str
) -> None:
    with serving(tables.url, "--workers", workers) as service:
        document = {"username": f"{by.name} {workers}"}
        user = httpx.post(f"{service.url}/users", json=document).json()["id"]
        with httpx.stream("GET", f"{service.url}/users/{user}/live", timeout=30) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            service.end(by)
            assert not any(lines)  # the answer was ended, and not cut


@pytest.mark.parametrize("after", [0.0, 0.05, 0.2, 0.5, 1.0])
def test_it_can_be_stopped_while_it_starts(tables: db.Database, after: float) -> None:
    """The moment is what is tried, and every one has to do: nothing waits for an order."""
    with started(tables.url) as service:
        time.sleep(after)
        service.end()
