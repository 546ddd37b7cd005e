"""Using the embedded server: it is there as long as a lease is held."""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import binaries, paths, supervisor
from orm_async_tests.postgres.cluster import SCRIPTS, Cluster, Found, Login, Purpose

IDLE = "ORM_ASYNC_IDLE"
DEFAULT_IDLE = "60"


def _this_cluster(purpose: Purpose) -> Cluster:
    found, root = binaries.find(), paths.home(purpose.folder)
    cluster = Cluster(root, found, found.version(root), purpose)
    cluster.home.mkdir(mode=0o700, exist_ok=True)
    return cluster


@contextmanager
def lease(purpose: Purpose = SCRIPTS) -> Iterator[Login]:
    """The server, kept up until the block ends or this process does, however it dies.

    Makes and starts it if need be; the kernel drops the lease of a killed process.
    Raises CouldNotRun.
    """
    cluster, idle = _this_cluster(purpose), _idle()
    with (cluster.home / "lease").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with (cluster.home / "start").open("a") as alone:
            fcntl.flock(alone, fcntl.LOCK_EX)
            found = _ensure_running(cluster, idle)
        yield cluster.as_found(found)


def _ensure_running(cluster: Cluster, idle: float) -> Found:
    made = (cluster.data / "PG_VERSION").exists()
    if made and cluster.running():
        return "warm"
    if not made:
        cluster.create()
    cluster.start(idle)
    return "started" if made else "initialised"


def _idle() -> float:
    text = os.environ.get(IDLE, DEFAULT_IDLE)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise CouldNotRun(f"{text!r} is not a number of seconds", IDLE, f"{IDLE}={DEFAULT_IDLE}")
    return seconds


def status(purpose: Purpose = SCRIPTS) -> dict[str, str]:
    """The server's version, state and folders, by name; nothing is started."""
    cluster = _this_cluster(purpose)
    return {
        "server": f"PostgreSQL {cluster.version} ({cluster.binaries.provider})",
        "state": "running" if cluster.running() else "stopped",
        "home": str(cluster.home),
        "data": str(cluster.data),
        "log": str(cluster.log),
    }


def stop(purpose: Purpose = SCRIPTS) -> bool:
    """Stop the server, and say whether it ran. Raises CouldNotRun while another command uses it."""
    cluster = _this_cluster(purpose)
    with (cluster.home / "lease").open("a") as held:
        _lock_exclusively(held)
        return cluster.end(signal.SIGINT)


def reset(purpose: Purpose = SCRIPTS) -> None:
    """Stop the server and delete its data. Raises CouldNotRun while another command uses it."""
    cluster = _this_cluster(purpose)
    with (cluster.home / "lease").open("a") as held:
        _lock_exclusively(held)
        cluster.end(signal.SIGINT)
        shutil.rmtree(cluster.data, ignore_errors=True)
        cluster.secret.unlink(missing_ok=True)


def _lock_exclusively(held: TextIO) -> None:
    """Try for some ticks: at each one the supervisor takes the lease for an instant."""
    deadline = time.monotonic() + 10 * supervisor.TICK
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


def log_file(purpose: Purpose = SCRIPTS) -> Path:
    """The server's log."""
    return _this_cluster(purpose).log


def psql() -> Path:
    """The psql that belongs to the server."""
    return binaries.program("psql")
