"""Runs the command `serve` in a separate process, as an operator does."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO
from urllib.request import urlopen

from sqlalchemy import URL

from orm_async_tests.exit_codes import INTERRUPTED
from tests.processes import DEADLINE, PAUSE

SERVE = [sys.executable, "-m", "orm_async_tests.service.serve"]
WORKER = "spawn_main"  # multiprocessing's function, in the command line of a worker
PRINTED_URL = re.compile(r"^service: (http://\S+)/docs\n", re.MULTILINE)
TIMED_OUT = "graceful shutdown exceeded"  # uvicorn's log, after it has waited for ten seconds


@dataclass(frozen=True)
class Service:
    """A process of the service, with its log."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    @cached_property
    def url(self) -> str:
        """The base URL, which the service prints."""
        # There is no deadline, because a start may be slow.
        while not (printed := PRINTED_URL.search(self.read_log())):
            self.pause()
        return printed[1]

    def pause(self) -> None:
        """Sleep for a moment, or raise AssertionError if the service has exited."""
        assert self.process.poll() is None, "the service has exited"
        time.sleep(PAUSE)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal, and assert that the process exits in time and without a traceback."""
        self.process.send_signal(by)
        code = self.process.wait(DEADLINE)
        assert code in (0, -signal.SIGTERM, INTERRUPTED), code
        log = self.read_log()
        assert "Traceback" not in log, log
        assert TIMED_OUT not in log, log

    def read_log(self) -> str:
        """Return the log of the process so far."""
        self.log.seek(0)
        return self.log.read().decode()

    def workers(self) -> list[int]:
        """Return the PIDs of the service's workers. Works only on Linux."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if WORKER in Path(f"/proc/{pid}/cmdline").read_text()]


def is_ready(url: str) -> bool:
    """Return whether the service at this URL is ready.

    The function does not use httpx, because httpx would load certificates at every call.
    """
    try:
        with urlopen(f"{url}/health/ready"):
            return True
    except OSError:  # a 503 raises HTTPError, which is an OSError
        return False


@contextmanager
def start_service(url: URL | None, *arguments: str, **variables: str) -> Iterator[Service]:
    """Start a service on this database, or on an embedded server, without waiting for it.

    At the end of the `with` block, the process has exited.
    """
    database = {"DATABASE_URL": url.render_as_string(hide_password=False)} if url else {}
    with (
        tempfile.TemporaryFile("a+b") as log,  # the service appends, wherever read_log() reads
        subprocess.Popen(
            [*SERVE, "--port", "0", *arguments],
            env={**os.environ, **variables, **database},
            stdout=log,
            stderr=log,
        ) as process,
    ):
        service = Service(process, log)
        try:
            yield service
        except BaseException as error:
            error.add_note(service.read_log())
            raise
        finally:
            process.terminate()


@contextmanager
def run_service(url: URL | None, *arguments: str, **variables: str) -> Iterator[Service]:
    """Start a service, wait until it is ready, and stop it at the end as an operator does."""
    with start_service(url, *arguments, **variables) as service:
        while not is_ready(service.url):
            service.pause()
        yield service
        if service.process.poll() is None:
            service.stop()
