"""`serve` as a process of its own, as an operator starts it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
from sqlalchemy import URL

from orm_async_tests.errors import INTERRUPTED
from tests.processes import DEADLINE, until

SERVE = [sys.executable, "-m", "orm_async_tests.service.serve"]
WORKER = "spawn_main"  # multiprocessing's name for it, in a child's command line
GRACE_IS_OVER = "graceful shutdown exceeded"  # uvicorn waited for ten seconds


@dataclass(frozen=True)
class Service:
    """Where it listens, its process, and what that says."""

    url: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to stop. It must exit by itself, without an error and before its time is up."""
        self.process.send_signal(by)
        code = self.process.wait(DEADLINE)
        assert code in (0, -signal.SIGTERM, INTERRUPTED), code
        log = self.said()
        assert "Traceback" not in log, log
        assert GRACE_IS_OVER not in log, log

    def said(self) -> str:
        """What it has logged."""
        self.log.seek(0)
        return self.log.read().decode()

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
def started(url: URL | None, *arguments: str, **variables: str) -> Iterator[Service]:
    """A service on this database, or its own, whose start goes on; it has ended when this does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    where = {"DATABASE_URL": url.render_as_string(hide_password=False)} if url else {}
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [*SERVE, "--port", port, *arguments],
            env={**os.environ, **variables, **where},
            stdout=log,
            stderr=log,
        ) as process,
    ):
        service = Service(f"http://127.0.0.1:{port}", process, log)
        try:
            yield service
        except BaseException as error:
            error.add_note(service.said())
            raise
        finally:
            process.terminate()


@contextmanager
def serving(url: URL | None, *arguments: str, **variables: str) -> Iterator[Service]:
    """A service that is ready, and is ended as by an operator."""
    with started(url, *arguments, **variables) as service:
        until(lambda: ready(service.url))
        yield service
        if service.process.poll() is None:
            service.end()
