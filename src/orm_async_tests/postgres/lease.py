"""Keeps the embedded server running while a command holds a lease."""

import fcntl
import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import binaries, paths, supervisor
from orm_async_tests.postgres.cluster import SCRIPTS, Cluster, ClusterKind, Launch, Login

DESCRIPTORS = 256  # the default of macOS; test5 hangs with 14
IDLE = "ORM_ASYNC_IDLE"
DEFAULT_IDLE = "60"
IDLE_BYTES = 32


def require_descriptors() -> None:
    """Raise CouldNotRun if the limit on open files is too low for a command."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        raise CouldNotRun(
            f"this process may open only {soft} files, but commands need {DESCRIPTORS}",
            "the shell's limit on open files (see `ulimit -n`)",
            f"run ulimit -n {DESCRIPTORS}, or repeat the command in a new shell",
        )


def _open_cluster(kind: ClusterKind) -> Cluster:
    programs, root = binaries.find(), paths.home(kind.place)
    cluster = Cluster(root, programs, programs.version(), kind)
    cluster.check()
    return cluster


@contextmanager
def lease(kind: ClusterKind = SCRIPTS, keep_for: float = 0.0) -> Iterator[Login]:
    """Keep the embedded server running during the `with` block. Raises CouldNotRun.

    Create or start the server if necessary. The server runs for at least `keep_for` seconds, even
    without use. A lease also ends when its process dies.
    """
    require_descriptors()
    cluster, idle = _open_cluster(kind), _read_idle()
    with paths.open_file(cluster.lease) as lease_file:
        fcntl.flock(lease_file, fcntl.LOCK_SH)
        with paths.open_file(cluster.folder / "start") as start_file:
            fcntl.flock(start_file, fcntl.LOCK_EX)
            launch = _ensure_running(cluster, idle, start_file)
            _renew(cluster, lease_file, keep_for)
        try:
            yield cluster.login(launch)
        finally:
            _renew(cluster, lease_file)


def _ensure_running(cluster: Cluster, idle: float, start_file: int) -> Launch:
    is_created = cluster.is_created()
    if is_created and cluster.is_running():
        return "warm"
    if not is_created:
        cluster.create()
    with paths.translate_errors(cluster.folder):  # describe_stop() reads this file
        os.ftruncate(start_file, 0)
        os.pwrite(start_file, f"{idle}".encode(), 0)
    cluster.start(idle)
    return "started" if is_created else "initialized"


def _renew(cluster: Cluster, lease_file: int, keep_for: float = 0.0) -> None:
    """Record that the server is in use now, and keep it running for at least `keep_for` seconds."""
    with paths.translate_errors(cluster.lease):
        keep_until = time.time() + keep_for
        if keep_for and keep_until > supervisor.read_keep_until(lease_file):
            os.pwrite(lease_file, f"{keep_until:<{supervisor.UNTIL_BYTES}.3f}".encode(), 0)
        os.utime(lease_file)


def _read_idle() -> float:
    text = os.environ.get(IDLE, DEFAULT_IDLE)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise CouldNotRun(f"{text!r} is not a number of seconds", IDLE, f"{IDLE}={DEFAULT_IDLE}")
    return seconds


def describe_stop(kind: ClusterKind = SCRIPTS) -> str:
    """Say when the running server will stop, in a clause that begins with "it stops"."""
    cluster = _open_cluster(kind)
    with (
        paths.open_file(cluster.folder / "start", os.O_RDONLY) as start_file,
        paths.open_file(cluster.lease) as lease_file,
    ):
        idle = float(os.pread(start_file, IDLE_BYTES, 0) or DEFAULT_IDLE)
        keep_until = supervisor.read_keep_until(lease_file)
    at = time.localtime(max(keep_until, time.time() + idle))
    return (
        f"it stops {idle:g} s after the last command or connection has ended, "
        f"at {time.strftime('%Y-%m-%d %H:%M:%S', at)} at the earliest"
    )


def status(kind: ClusterKind = SCRIPTS) -> dict[str, str]:
    cluster = _open_cluster(kind)
    return {
        "server": f"PostgreSQL {cluster.version} ({cluster.binaries.provider})",
        "state": f"running; {describe_stop(kind)}" if cluster.is_running() else "stopped",
        "home": str(cluster.folder),
        "data": str(cluster.data),
        "log": str(cluster.log),
    }


def stop(kind: ClusterKind = SCRIPTS, *, reset: bool = False) -> bool:
    """Stop the server, and return whether it was running.

    If `reset` is true, also delete the server's data. Raise CouldNotRun if another command is using
    the server. Close connections of other programs, for example of psql. Earlier requests to keep
    the server running no longer count.
    """
    cluster = _open_cluster(kind)
    with paths.open_file(cluster.lease) as lease_file:
        # The supervisor locks the lease for an instant at every tick, so try for ten ticks.
        deadline = time.monotonic() + 10 * supervisor.TICK
        while not supervisor.try_lock(lease_file):
            if time.monotonic() > deadline:
                problem = "another command is using the embedded server"
                remedy = "repeat the command after the other command has ended"
                raise CouldNotRun(problem, str(cluster.lease), remedy)
        os.ftruncate(lease_file, 0)
        was_running = cluster.end(signal.SIGINT)
        with paths.translate_errors(cluster.data):
            if reset and cluster.data.exists():
                shutil.rmtree(cluster.data)
            if reset:
                cluster.secret.unlink(missing_ok=True)
    return was_running


def wait_until_ended(kind: ClusterKind) -> None:
    with paths.open_file(_open_cluster(kind).lock) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
