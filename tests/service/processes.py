"""`serve` as a process of its own, as an operator starts it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import URL

from tests.processes import until

SERVE = [sys.executable, "-m", "orm_async_tests.service.serve"]
WORKER = "spawn_main"  # multiprocessing's name for it, in a child's command line


@dataclass(frozen=True)
class Service:
    """Where it listens, and its process."""

    url: str
    pid: int

    def workers(self) -> list[int]:
        """The processes that serve, if these are its children (Linux)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if WORKER in Path(f"/proc/{pid}/cmdline").read_text()]


def ready(url: str) -> bool:
    """Whether the service is."""
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False


@contextmanager
def serving(url: URL | None, *arguments: str, **variables: str) -> Iterator[Service]:
    """A service on this database, or its own, that is ready, and is ended as by an operator."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    where = {"DATABASE_URL": url.render_as_string(hide_password=False)} if url else {}
    process = subprocess.Popen(
        [*SERVE, "--port", port, *arguments],
        env={**os.environ, **variables, **where},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    service = Service(f"http://127.0.0.1:{port}", process.pid)
    try:
        until(lambda: ready(service.url))
        yield service
    finally:
        process.terminate()
        code = process.wait(30)
    assert code in (0, -15)
