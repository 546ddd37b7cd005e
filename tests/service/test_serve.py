"""poetry run serve starts the service, or says what is wrong and what to type."""

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from orm_async_tests import db
from tests.conftest import with_url
from tests.processes import until

SERVE = [sys.executable, "-m", "orm_async_tests.service.serve"]


def answers(url: str) -> bool:
    """Whether the service is ready."""
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False


def test_it_serves_a_database_that_was_empty_until_it_is_ended(
    empty_database: db.Database,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    served = subprocess.Popen(
        [*SERVE, "--port", port], env=with_url(empty_database), stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}"))
    finally:
        served.send_signal(signal.SIGINT)
    assert served.wait(30) in (0, 130)


@pytest.mark.parametrize(
    ("arguments", "variables", "where"),
    [
        (["--port", "99999"], {}, "127.0.0.1:99999"),
        ([], {"ORM_ASYNC_SERVICE_POOL_SIZE": "many"}, "ORM_ASYNC_SERVICE_POOL_SIZE"),
        (["--port", "0", "--db", "postgresql://127.0.0.1:1/x"], {}, "127.0.0.1:1/x"),
    ],
)
def test_what_it_cannot_use_is_named_with_what_to_type(
    arguments: list[str], variables: dict[str, str], where: str
) -> None:
    done = subprocess.run(
        [*SERVE, *arguments], env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("  ")]
    assert [line.split(":")[0].strip() for line in said] == ["where", "type"]
    assert where in said[0]
