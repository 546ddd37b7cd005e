"""Using the embedded server: it is there as long as a lease is held."""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.server import binaries, keeper, private
from orm_async_tests.server.cluster import USER, Cluster

IDLE = "ORM_ASYNC_IDLE"
DEFAULT_IDLE = "60"


@dataclass(frozen=True)
class Server:
    """A running server. found: "warm", "started" or "initialised" by this lease."""

    user: str
    password: str
    socket_directory: Path
    version: str
    provider: str
    found: str


def _cluster() -> Cluster:
    found, root = binaries.find(), private.home()
    cluster = Cluster(root, found, found.version(root))
    cluster.home.mkdir(mode=0o700, exist_ok=True)
    return cluster


@contextmanager
def lease() -> Iterator[Server]:
    """The server, kept up until the block ends or this process does, however it dies.

    Makes and starts it if need be; the kernel drops the lease of a killed process.
    Raises CouldNotRun.
    """
    cluster, idle = _cluster(), _idle()
    with (cluster.home / "lease").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with (cluster.home / "start").open("a") as alone:
            fcntl.flock(alone, fcntl.LOCK_EX)
            found = _up(cluster, idle)
        yield Server(
            USER,
            cluster.secret.read_text(),
            private.socket_directory(cluster.data),
            cluster.version,
            cluster.binaries.provider,
            found,
        )


def _up(cluster: Cluster, idle: float) -> str:
    made = (cluster.data / "PG_VERSION").exists()
    if made and _running(cluster):
        return "warm"
    if not made:
        cluster.make()
    cluster.start(idle)
    return "started" if made else "initialised"


def _running(cluster: Cluster) -> bool:
    """A server whose keeper was killed is about to go, so it does not count."""
    with (cluster.home / "keeper").open("a") as kept:
        try:
            fcntl.flock(kept, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return keeper.accepts(cluster.data, private.socket_directory(cluster.data))
    return False


def _idle() -> float:
    text = os.environ.get(IDLE, DEFAULT_IDLE)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise CouldNotRun(f"{text!r} is not a number of seconds", IDLE, f"{IDLE}={DEFAULT_IDLE}")
    return seconds


def status() -> dict[str, str]:
    """What there is of the server, by name; nothing is started."""
    cluster = _cluster()
    return {
        "server": f"PostgreSQL {cluster.version} ({cluster.binaries.provider})",
        "state": "running" if _running(cluster) else "stopped",
        "home": str(cluster.home),
        "data": str(cluster.data),
        "log": str(cluster.log),
    }


def stop() -> bool:
    """Stop the server, and say whether it ran. Raises CouldNotRun while another command uses it."""
    cluster = _cluster()
    with (cluster.home / "lease").open("a") as held:
        _take_alone(held)
        return _stop(cluster)


def reset() -> None:
    """Stop the server and delete its data. Raises CouldNotRun while another command uses it."""
    cluster = _cluster()
    with (cluster.home / "lease").open("a") as held:
        _take_alone(held)
        _stop(cluster)
        shutil.rmtree(cluster.data, ignore_errors=True)
        cluster.secret.unlink(missing_ok=True)


def _take_alone(held: TextIO) -> None:
    """The keeper takes the lease for an instant at each tick, so this tries for a little longer."""
    deadline = time.monotonic() + 10 * keeper.TICK
    while True:
        try:
            return fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise CouldNotRun(
                    "another command is using the embedded server",
                    held.name,
                    "the same command again when the other one has ended",
                ) from None


def _stop(cluster: Cluster) -> bool:
    if not _running(cluster):
        return False
    os.kill(int((cluster.data / "postmaster.pid").read_text().split()[0]), signal.SIGINT)
    with (cluster.home / "keeper").open("a") as kept:
        fcntl.flock(kept, fcntl.LOCK_SH)  # the keeper ends with its server
    return True


def log_file() -> Path:
    """The server's log."""
    return _cluster().log


def psql() -> Path:
    """The psql that belongs to the server."""
    return binaries.find().folder / "psql"
